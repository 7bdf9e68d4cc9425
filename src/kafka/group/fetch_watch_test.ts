import { assertEquals } from "@std/assert";
import { watchFetches } from "./fetch_watch.ts";

/** Fetches in turn: which node starts one (`1`), is answered (`1!`), or ends it (`1.`); `+` waits for longer than the gap. */
const FETCHES: Record<string, { fetches: string; doubts: string[] }> = {
  "answered, one after another": { fetches: "1 1! 1 1! 2 2! 1 1!", doubts: [] },
  "after a long time": { fetches: "1 1! + 1 1! 1 1!", doubts: ["1"] },
  "after one that failed": { fetches: "1 1! 1 1 1! 1 1!", doubts: ["1"] },
  "the first one failed": { fetches: "1 1 1 1!", doubts: ["1"] },
  "one leader fails: what another one leads may have been its": {
    fetches: "1 1! 2 2! 1 1 2 2! 1 2 2! 1 1!",
    doubts: ["2", "1"],
  },
  "one leader fails while another is asked": { fetches: "1 1! 1 2 1 2! 1 1!", doubts: ["2", "1"] },
  "a leader fails, and is never asked again": {
    fetches: "1 1! 1. 2 2! 2. 1 1. 2 2! 2. 2 2! 2.",
    doubts: ["2"],
  },
  "another one is answered while a leader fails": { fetches: "1 2 1. 2! 2.", doubts: ["2"] },
  "a leader fails anew": { fetches: "1 1! 1 1 1! 1 1 1!", doubts: ["1", "1"] },
};
for (const [what, { fetches, doubts }] of Object.entries(FETCHES)) {
  Deno.test(`watchFetches: ${what}: a doubt of ${doubts.join(", ") || "none"}`, () => {
    const told: string[] = [];
    let at = 0;
    let step = "";
    const onDoubt = () => void told.push(step.replace("!", ""));
    const { started, answered, ended } = watchFetches(100, onDoubt, () => at);
    for (step of fetches.split(" ")) {
      at += step === "+" ? 101 : 1;
      if (step === "+") continue;
      if (step.endsWith("!")) answered(Number(step[0]));
      else if (step.endsWith(".")) ended(Number(step[0]));
      else started(Number(step));
    }
    assertEquals(told, doubts);
  });
}
