import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { inParts } from "./parts.ts";

Deno.test("inParts: every message once, in order within its topic, in parts that are small enough", () => {
  const sizes = fc.array(fc.nat(400), { maxLength: 30 });
  fc.assert(
    fc.property(fc.tuple(sizes, sizes), fc.integer({ min: 100, max: 900 }), (lists, max) => {
      const outputs = lists.map((sizes, t) => ({
        topic: `t${t}`,
        messages: sizes.map((size, i) => ({ key: `${i}`, value: Buffer.alloc(size) })),
      }));
      const parts = [...inParts(outputs, max)];
      for (const { topic, messages } of outputs) {
        assertEquals(
          parts.flat().filter((part) => part.topic === topic).flatMap((part) => part.messages),
          messages,
        );
      }
      for (const part of parts) {
        const messages = part.flatMap((output) => output.messages);
        const bytes = messages.reduce((sum, { value }) => sum + (value as Buffer).length, 0);
        assert(messages.length > 0);
        assert(messages.length === 1 || bytes <= max);
      }
    }),
  );
});
