import { assert, assertEquals } from "@std/assert";
import { dockerRunArguments, environmentName } from "./docker_runtime.ts";

const settingNames = [
  ["log.dirs", "KAFKA_LOG_DIRS"],
  ["node.id", "KAFKA_NODE_ID"],
  ["with_underscore", "KAFKA_WITH__UNDERSCORE"],
  ["with-dash", "KAFKA_WITH___DASH"],
] as const;
for (const [setting, name] of settingNames) {
  Deno.test(`environmentName: ${setting} is ${name}`, () => {
    assertEquals(environmentName(setting), name);
  });
}

Deno.test("dockerRunArguments: name, port, volume, heap and settings are options of the image", () => {
  const args = dockerRunArguments({
    name: "orderflow-kafka-0123456789ab",
    port: 20_123,
    heapMb: 300,
    overrides: { "message.max.bytes": "2000000" },
  });
  const image = args.at(-1);
  assertEquals(image, "apache/kafka:4.2.2");
  assertEquals(args.slice(0, 9), [
    ...["docker", "run", "--rm"],
    ...["--name", "orderflow-kafka-0123456789ab"],
    ...["--publish", "127.0.0.1:20123:20123"],
    ...["--volume", "orderflow-kafka-0123456789ab:/var/lib/kafka/data"],
  ]);
  const rest = args.slice(9, -1);
  assert(rest.every((arg, i) => i % 2 === 1 || arg === "--env"));
  const environment = new Map(
    rest.filter((_, i) => i % 2 === 1).map((pair) => pair.split(/=(.*)/s) as [string, string]),
  );
  const expected = [
    ["KAFKA_HEAP_OPTS", "-Xmx300m"],
    ["KAFKA_PROCESS_ROLES", "broker,controller"],
    ["KAFKA_LISTENERS", "PLAINTEXT://0.0.0.0:20123,CONTROLLER://127.0.0.1:19999"],
    ["KAFKA_ADVERTISED_LISTENERS", "PLAINTEXT://127.0.0.1:20123"],
    ["KAFKA_LOG_DIRS", "/var/lib/kafka/data"],
    ["KAFKA_AUTO_CREATE_TOPICS_ENABLE", "false"],
    ["KAFKA_MESSAGE_MAX_BYTES", "2000000"],
  ] as const;
  for (const [name, value] of expected) assertEquals(environment.get(name), value, name);
});
