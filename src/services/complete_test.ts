/**
 * What a service needs beside its entry in the topology. A row of the table is a thing that one
 * can forget when adding a service: its message says which file lacks what.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { parse } from "yaml";
import { SCHEMAS } from "../events/schemas.ts";
import { type EventType, PROCESSORS, TOPIC_NAMES, TOPICS, writerOf } from "../topology.ts";
import { taskFault } from "../testing/services.ts";
import type { DefinedService } from "./service.ts";

const PROJECT = new URL("../../", import.meta.url);

interface Subject {
  /** As the topology calls it. */
  readonly name: string;
  /** What the topology says that it writes. */
  readonly events: readonly string[];
}

interface Need {
  /** The file that it is about. */
  readonly file: (name: string) => string;
  /** What the file lacks; undefined for nothing. */
  readonly lacks: (
    subject: Subject,
    text: string,
  ) => string | undefined | Promise<string | undefined>;
}

const NEEDS: Record<string, Need> = {
  definition: {
    file: (name) => `src/services/${name}/service.ts`,
    async lacks({ name }) {
      const { service } = await import(`./${name}/service.ts`) as { service?: DefinedService };
      if (service?.name !== name) return `it exports no \`service\` of the name "${name}"`;
    },
  },
  "entry point": {
    file: (name) => `src/services/${name}/main.ts`,
    lacks: (_, text) =>
      /runService\(service\)/.test(text) ? undefined : "it does not call runService(service)",
  },
  "tests of its own": {
    file: (name) => `src/services/${name}`,
    lacks({ name }) {
      const files = [...Deno.readDirSync(new URL(`src/services/${name}`, PROJECT))];
      if (!files.some((file) => file.name.endsWith("_test.ts"))) {
        return "there is no _test.ts in it";
      }
    },
  },
  schemas: {
    file: () => "src/events/schemas.ts",
    lacks({ events }) {
      const missing = events.filter((event) => !(event in SCHEMAS));
      if (missing.length > 0) return `SCHEMAS has no ${missing.join(", ")}`;
    },
  },
  "task with its permissions": {
    file: () => "deno.json",
    lacks: ({ name }) => taskFault(name),
  },
  "chart's values": {
    file: () => "charts/orderflow/values.yaml",
    lacks({ name }, text) {
      if (!(name in parse(text).consumers)) return `\`consumers\` has no ${name}`;
    },
  },
  "chart's topology": {
    file: () => "charts/orderflow/topology.yaml",
    lacks({ name }, text) {
      if (!parse(text).processors.includes(name)) return `\`processors\` has no ${name}`;
    },
  },
  container: {
    file: () => "compose.yaml",
    lacks({ name }, text) {
      if (!(name in parse(text, { merge: true }).services)) return `\`services\` has no ${name}`;
    },
  },
  "metrics in Docker": {
    file: () => "deploy/compose/prometheus.yaml",
    lacks({ name }, text) {
      const [{ dns_sd_configs: [{ names }] }] = parse(text).scrape_configs;
      if (!names.includes(name)) return `\`names\` has no ${name}`;
    },
  },
};

/** What is missing, in one line. */
async function missing(need: Need, subject: Subject): Promise<string | undefined> {
  const file = need.file(subject.name);
  const url = new URL(file, PROJECT);
  let text = "";
  try {
    if (!Deno.statSync(url).isDirectory) text = Deno.readTextFileSync(url);
  } catch {
    return `${subject.name}: there is no ${file}: see docs/write-a-service.md`;
  }
  const lack = await need.lacks(subject, text);
  return lack && `${subject.name}: ${file}: ${lack}: see docs/write-a-service.md`;
}

for (const [what, need] of Object.entries(NEEDS)) {
  Deno.test(`every service has its ${what}`, async () => {
    const lacks = await Promise.all(PROCESSORS.map((name) => {
      const types: readonly EventType[] = TOPIC_NAMES.flatMap((topic) => [...TOPICS[topic].events]);
      return missing(need, { name, events: types.filter((type) => writerOf(type) === name) });
    }));
    assertEquals(lacks.filter((lack) => lack !== undefined), []);
  });

  Deno.test(`a service without its ${what} is told which file lacks it`, async () => {
    const said = await missing(need, { name: "nobody", events: ["NobodyCame"] });
    assert(said, "nothing is said to be missing");
    assertStringIncludes(said, need.file("nobody"));
  });
}
