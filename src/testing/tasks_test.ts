/** That each service's task in deno.json starts its main.ts with the permissions that it needs. */
import { assertEquals } from "@std/assert";
import { SERVICES, taskFault } from "./services.ts";

for (const service of SERVICES) {
  Deno.test(`deno.json: the task ${service} has what its settings need, and no more`, async () => {
    assertEquals(await taskFault(service), undefined);
  });
}
