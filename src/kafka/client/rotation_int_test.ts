import { assert, assertEquals } from "@std/assert";
import { fileAt, startSecureTestBroker, unsignedToken } from "../../local/testing/secure_broker.ts";
import type { Logger } from "../../runtime/log.ts";
import { openPublisher } from "../producer/publisher.ts";
import { createClient } from "./client.ts";
import { until } from "../../runtime/until.ts";
import {
  freshTopics,
  placed,
  publication,
  publishAll,
  readAll,
  refuse,
  startValidator,
} from "../testing/topics.ts";
import { allow, secretFile } from "../testing/secure.ts";

/** A login has to be repeated after that. */
const SESSION_MS = 3_000;

Deno.test("login: secrets that are rotated, and sessions that end", async (t) => {
  const secure = await startSecureTestBroker(undefined, SESSION_MS);
  await using broker = secure.broker;
  const directory = await Deno.makeTempDir();
  const kafka = createClient({ brokers: [broker.bootstrap] }, "test");
  const username = "validator";
  const tls = { caFile: fileAt(secure.caFile) };
  const access = { brokers: [secure.bootstrap], tls };
  const password = secretFile(directory, Deno.readTextFileSync(await secure.addUser(username)));
  const token = secretFile(directory, unsignedToken(username, 600_000));
  const rotations = {
    "password": {
      login: { mechanism: "scram-sha-512", username, secret: password } as const,
      expire: () => secure.addUser(username, { password: "rotated" }),
      renew: () => password.write("rotated"),
      refused: `refuses "${username}" by SCRAM-SHA-512 (${password.path}): `,
    },
    "token": {
      login: { mechanism: "oauthbearer", username: "", secret: token } as const,
      expire: () => Promise.resolve(token.write(unsignedToken(username, -1_000))),
      renew: () => token.write(unsignedToken(username, 600_000)),
      refused: `refuses the token by OAUTHBEARER (${token.path}): `,
    },
  };
  for (const [what, { login, expire, renew, refused }] of Object.entries(rotations)) {
    await t.step(`a ${what} that is rotated: running services go on with the new one`, async () => {
      const { names } = await freshTopics(broker.bootstrap, 1);
      await allow(kafka, username, names);
      let logins = 0;
      const secret = { path: login.secret.path, read: () => (logins++, login.secret.read()) };
      const said: string[] = [];
      const log = { warn: (line: string) => said.push(line), info() {}, debug() {} };
      const validator = startValidator("", names, refuse, {
        access: { ...access, login: { ...login, secret } },
        log: log as unknown as Logger,
      });
      const answers = async (sequence: number) => {
        const order = publication(placed(sequence));
        await publishAll(kafka, names.topic("orders.raw"), [order]);
        const outcomes = async () => (await readAll(kafka, names.topic("orders.outcomes"))).length;
        await until(`${sequence} outcomes`, async () => await outcomes() === sequence);
      };
      await answers(1);
      // What it waited for until the rights were known everywhere.
      said.length = 0;
      const before = logins;
      await until("its connections have logged in again", () => logins >= before + 3);
      assertEquals(said, []);
      await expire();
      await until(
        "it says why it is not ready",
        () => validator.processor.notReady()?.includes(refused) === true,
      );
      renew();
      await answers(2);
      await until("it is ready", () => validator.processor.notReady() === undefined);
      assert(said.every((line) => !line.includes("deno task broker")), said.join("\n"));
      await validator.stop();
    });
  }

  await t.step("a refused login is named while a batch is at work, too", async () => {
    const { names } = await freshTopics(broker.bootstrap, 1);
    await allow(kafka, username, names);
    const secret = secretFile(directory, unsignedToken(username, 600_000));
    const held = Promise.withResolvers<void>();
    let inHand = false;
    const hold: typeof refuse = async (batch, ...rest) => {
      inHand = true;
      await held.promise;
      return refuse(batch, ...rest);
    };
    const validator = startValidator("", names, hold, {
      access: { ...access, login: { mechanism: "oauthbearer", username: "", secret } },
    });
    await publishAll(kafka, names.topic("orders.raw"), [publication(placed(1))]);
    await until("the batch is in hand", () => inHand);
    secret.write(unsignedToken(username, -1_000));
    await until(
      "it says why it is not ready",
      () => validator.processor.notReady()?.includes("refuses the token by OAUTHBEARER") === true,
    );
    secret.write(unsignedToken(username, 600_000));
    held.resolve();
    const outcomes = async () => (await readAll(kafka, names.topic("orders.outcomes"))).length;
    await until("the order has its outcome", async () => await outcomes() === 1);
    await validator.stop();
  });

  await t.step(
    "a password that changes while the broker restarts: as Strimzi rolls it",
    async () => {
      const { names } = await freshTopics(broker.bootstrap, 1);
      await allow(kafka, username, names);
      await secure.addUser(username, { password: "before" });
      const secret = secretFile(directory, "before");
      const login = { mechanism: "scram-sha-512", username, secret } as const;
      const validator = startValidator("", names, refuse, { access: { ...access, login } });
      const publisher = await openPublisher(
        createClient({ ...access, login }, "test"),
        names.topic("orders.raw"),
      );
      await publisher.publish([publication(placed(1))]);
      const outcomes = async () => (await readAll(kafka, names.topic("orders.outcomes"))).length;
      await until("the first outcome", async () => await outcomes() === 1);
      await secure.addUser(username, { password: "after" });
      await broker.stop();
      await broker.start();
      await until(
        "it says why it is not ready",
        () => validator.processor.notReady()?.includes(`refuses "${username}"`) === true,
      );
      const second = publisher.publish([publication(placed(2))]);
      secret.write("after");
      await second;
      await until("the second outcome", async () => await outcomes() === 2);
      await until("it is ready", () => validator.processor.notReady() === undefined);
      await publisher.close();
      await validator.stop();
    },
  );
  await Deno.remove(directory, { recursive: true });
});
