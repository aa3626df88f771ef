// The ANSI parser that npm brought; nothing of it where npm was not run, and then logs have no colours.

const parser = await import("ansi-sequence-parser").catch(() => null);

export const parseAnsiSequences = parser?.parseAnsiSequences ?? null;
export const createColorPalette = parser?.createColorPalette ?? (() => ({ value: () => undefined }));
