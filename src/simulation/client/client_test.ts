import { assertEquals } from "@std/assert";
import { Schedule } from "./testing.ts";

Deno.test("createSimulatedClient: the real loop moves every order through, once", async () => {
  const schedule = new Schedule(1);
  await schedule.run(async () => {
    const validator = schedule.validator();
    await schedule.place(20);
    await schedule.settle();
    await validator.stop();
  });
  assertEquals(schedule.outputs, schedule.inputs);
});
