/** Once all is settled: groups have read everything, and their tables are where they are. */
import { inputOf, positions } from "../../database/positions.ts";
import { PROCESSORS } from "../../topology.ts";
import { inputsOf } from "../services.ts";
import type { Broken, Evidence } from "./evidence.ts";

export function checkOffsets(evidence: Evidence, broken: Broken): void {
  for (const service of PROCESSORS) {
    const rows = new Map(evidence.rows(service, positions).map((row) => [row.input, row]));
    for (const { topic, partition, messagesEnd, end, committed } of evidence.ends) {
      if (!inputsOf(service).includes(topic)) continue;
      const offset = committed.get(service);
      const who = `${service} at ${topic} ${partition}`;
      if ((offset ?? 0) < messagesEnd || (offset ?? 0) > end) {
        broken("G1", `${who}: committed ${offset ?? "nothing"}, and the log ends at ${end}`);
      }
      const row = rows.get(inputOf(topic, partition));
      if (row && offset !== undefined && (row.work_from! > offset || row.work_to! < offset)) {
        const range = `${row.work_from} to ${row.work_to}`;
        broken("G6", `${who}: committed ${offset}, and its tables are at ${range}`);
      }
    }
  }
}
