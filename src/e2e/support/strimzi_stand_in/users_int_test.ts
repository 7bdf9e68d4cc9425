import { assertMatch } from "@std/assert";
import { startTestBroker } from "../../../local/testing/test_broker.ts";
import { setPassword } from "./users.ts";

Deno.test("setPassword: Kafka's own tool knows the credentials", async () => {
  await using broker = await startTestBroker();
  const [hostname, port] = broker.bootstrap.split(":") as [string, string];
  await setPassword({ hostname, port: Number(port) }, "orderflow-validator", "secret");
  const printed = await broker.runTool("kafka.admin.ConfigCommand", [
    ...["--bootstrap-server", broker.bootstrap],
    ...["--describe", "--entity-type", "users", "--entity-name", "orderflow-validator"],
  ]);
  assertMatch(printed, /SCRAM-SHA-512=iterations=4096/);
});
