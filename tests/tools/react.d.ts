// What the client uses of React, which brings no types.

declare module "react" {
  interface Context<T> {
    Provider: (props: { value: T; children?: unknown }) => unknown;
  }
  export function createContext<T>(value: T): Context<T>;
  export function createElement<P>(type: (props: P) => unknown, props: P, ...children: unknown[]): unknown;
  export function useCallback<T>(callback: T, dependencies: unknown[]): T;
  export function useContext<T>(context: Context<T>): T;
  export function useEffect(effect: () => undefined | (() => void), dependencies?: unknown[]): void;
  export function useMemo<T>(make: () => T, dependencies: unknown[]): T;
  export function useSyncExternalStore<T>(
    subscribe: (listener: () => void) => () => void,
    snapshot: () => T,
    serverSnapshot: () => T,
  ): T;
}
