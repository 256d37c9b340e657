// Reads an AsyncAPI document from standard input, and prints what its own parser has against it.

import { Parser } from "@asyncapi/parser";

const text = await new Promise((resolve) => {
  let read = "";
  process.stdin
    .setEncoding("utf8")
    .on("data", (piece) => {
      read += piece;
    })
    .on("end", () => resolve(read));
});
const { document, diagnostics } = await new Parser().parse(text);
const serious = diagnostics.filter(({ severity }) => severity < 2);
for (const { message, path } of serious) console.log(`${path.join(".")}: ${message}`);
process.exitCode = document && !serious.length ? 0 : 1;
