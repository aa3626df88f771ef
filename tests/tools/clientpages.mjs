// Builds the pages of tests/clients that use the client: node clientpages.mjs FOLDER, in which chef/ has its files.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { build } from "esbuild";

// Not imported: its types are those of browsers.
const { compile } = createRequire(import.meta.url)("svelte/compiler");
const [folder] = process.argv.slice(2);
const root = resolve(import.meta.dirname, "../..");

/** What a user has beside their own modules. @type {import("esbuild").Plugin} */
const chef = {
  name: "chef",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^\.\/chef\// }, ({ path }) => ({ path: resolve(folder, path) }));
    onLoad({ filter: /\.svelte$/ }, async ({ path }) => {
      const { js } = compile(await readFile(path, "utf8"), { filename: path, generate: "client" });
      return { contents: js.code, resolveDir: resolve(root, "tests/clients") };
    });
  },
};

/**
 * @param {string} entry
 * @param {string} name
 * @param {import("esbuild").BuildOptions} [options]
 */
const page = (entry, name, options) =>
  build({
    entryPoints: [join(root, "tests/clients", entry)],
    outfile: join(folder, name),
    bundle: true,
    jsx: "automatic",
    nodePaths: [join(root, "node_modules")],
    conditions: ["browser", "development"],
    // React mounts twice in development only.
    define: {
      "process.env.NODE_ENV": '"development"',
      __VUE_OPTIONS_API__: "true",
      __VUE_PROD_DEVTOOLS__: "false",
      __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: "false",
    },
    logLevel: "warning",
    plugins: [chef],
    ...options,
  });

const react18 = { alias: { react: "react-18", "react-dom": "react-dom-18" } };
const inNode = { platform: /** @type {const} */ ("node") };
await Promise.all([
  page("hooks.jsx", "react-19.js"),
  page("hooks.jsx", "react-18.js", react18),
  page("vue.js", "vue.js"),
  page("svelte.js", "svelte.js"),
  page("on-server.jsx", "on-server-19.cjs", inNode),
  page("on-server.jsx", "on-server-18.cjs", { ...inNode, ...react18 }),
]);
