// JSON Schema comes in, TypeScript goes out.

import { compile } from "json-schema-to-typescript";

let text = "";
for await (const part of process.stdin) text += part;
const types = await compile(JSON.parse(text), "Wire", {
  additionalProperties: false,
  bannerComment: "",
  ignoreMinAndMaxItems: true,
  strictIndexSignatures: true,
  style: { printWidth: 110 },
});
// What held the types together is none of them.
process.stdout.write(types.replace(/export interface Wire \{[^}]*\}\n/, ""));
