/** What AsyncAPI's own parser says of a document on standard input: a line of JSON. */
import { Parser } from "@asyncapi/parser";

const text = await new Response(Deno.stdin.readable).text();
const { diagnostics } = await new Parser().parse(text);
console.log(JSON.stringify(diagnostics));
