import { assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { correlationIdOf, parseRequest, readFrames } from "./kafka_frames.ts";

/** A frame around `payload`. */
function frame(payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4 + payload.length);
  new DataView(bytes.buffer).setInt32(0, payload.length);
  bytes.set(payload, 4);
  return bytes;
}

async function framesOf(chunks: Iterable<Uint8Array>): Promise<number[][]> {
  const frames: number[][] = [];
  const source = (async function* () {
    yield* chunks;
  })();
  for await (const bytes of readFrames(source)) frames.push([...bytes]);
  return frames;
}

Deno.test("readFrames: whole frames, however the chunks fall", async () => {
  const payloads = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 });
  const cuts = fc.array(fc.nat({ max: 300 }), { maxLength: 20 });
  await fc.assert(fc.asyncProperty(payloads, cuts, async (payloads, cuts) => {
    const frames = payloads.map(frame);
    const stream = frames.flatMap((bytes) => [...bytes]);
    const at = [0, ...cuts.toSorted((a, b) => a - b), stream.length];
    const chunks = at.slice(1).map((end, i) => Uint8Array.from(stream.slice(at[i], end)));
    assertEquals(await framesOf(chunks), frames.map((bytes) => [...bytes]));
  }));
});

Deno.test("readFrames: a frame that the end of the stream cuts off is dropped", async () => {
  const whole = frame(Uint8Array.of(1, 2, 3));
  assertEquals(await framesOf([whole, whole.slice(0, 6)]), [[...whole]]);
});

Deno.test("readFrames: what is not Kafka's protocol is refused by its length", async () => {
  const http = new TextEncoder().encode("GET / HTTP/1.1\r\n");
  await assertRejects(() => framesOf([http]), TypeError, "not Kafka's protocol");
});

for (const clientId of ["a-client", "größe", "", null]) {
  Deno.test(`parseRequest: header and body, client id ${JSON.stringify(clientId)}`, () => {
    const id = new TextEncoder().encode(clientId ?? "");
    const header = new Uint8Array(10 + id.length);
    const view = new DataView(header.buffer);
    view.setInt16(0, 26);
    view.setInt16(2, 1);
    view.setInt32(4, 77);
    view.setInt16(8, clientId === null ? -1 : id.length);
    header.set(id, 10);
    const request = parseRequest(frame(Uint8Array.of(...header, 9, 8, 7)));
    assertEquals({ ...request, body: [...request.body] }, {
      apiKey: 26,
      apiName: "EndTxn",
      apiVersion: 1,
      correlationId: 77,
      clientId,
      body: [9, 8, 7],
    });
  });
}

Deno.test("correlationIdOf: the first four bytes of an answer", () => {
  assertEquals(correlationIdOf(frame(Uint8Array.of(0, 0, 1, 2, 5))), 258);
});
