import { assertEquals, assertStringIncludes } from "@std/assert";
import { ConfigError, readConfig } from "../runtime/config.ts";
import {
  accessChecks,
  accessSettings,
  accessVariables,
  kafkaAccess,
  prepareAccess,
} from "./access.ts";

function read(env: Record<string, string>) {
  const files: Record<string, string> = {
    password: "secret\n",
    token: "a.b.c\n",
    "two-lines": "one\ntwo\n",
    "no.pem": "-----BEGIN CERTIFICATE-----\nhello\n-----END CERTIFICATE-----\n",
    "der.crt": "0\x82\x01",
  };
  const sources = {
    args: [],
    env: (name: string) => env[name],
    readFile: (path: string) => {
      if (path in files) return files[path]!;
      throw new Deno.errors.NotFound("no such file");
    },
  };
  return readConfig(accessSettings, { checks: accessChecks, sources }).config;
}

function faults(env: Record<string, string>): readonly string[] {
  try {
    read(env);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
}

const USER = { KAFKA_SASL_USERNAME: "me" };
const PASSWORD = { KAFKA_SASL_PASSWORD_FILE: "password" };
const TOKEN = { KAFKA_SASL_TOKEN_FILE: "token" };
const by = (mechanism: string) => ({ KAFKA_SASL_MECHANISM: mechanism });

Deno.test("accessSettings: each login that Kafka has", () => {
  const ways: [Record<string, string>, string | undefined][] = [
    [{}, undefined],
    [{ ...USER, ...PASSWORD }, "scram-sha-512"],
    [{ ...USER, ...PASSWORD, ...by("plain") }, "plain"],
    [{ ...USER, ...PASSWORD, ...by("SCRAM-SHA-256") }, "scram-sha-256"],
    [{ ...TOKEN, ...by("oauthbearer") }, "oauthbearer"],
    [{ ...TOKEN, ...by("OAUTHBEARER"), KAFKA_SASL_EXTENSIONS: "a=1,b=2" }, "oauthbearer"],
    [{ ...PASSWORD, ...by("plain"), KAFKA_SASL_USERNAME: "$ConnectionString" }, "plain"],
  ];
  for (const [env, mechanism] of ways) {
    assertEquals(faults(env), []);
    const { login, tls } = kafkaAccess(read(env));
    assertEquals([login?.mechanism, tls], [mechanism, undefined]);
    // A process with these variables reads the same.
    const variables = accessVariables(["127.0.0.1:9092"], read(env));
    assertEquals(kafkaAccess(read(variables)).login?.mechanism, mechanism);
  }
  assertEquals(kafkaAccess(read({ KAFKA_SSL: "true" })).tls, { caFile: undefined });
});

Deno.test("accessChecks: names every setting that is missing or does not belong, with the way out", () => {
  const cases: [Record<string, string>, string[]][] = [
    [USER, ['KAFKA_SASL_USERNAME: "me" needs KAFKA_SASL_PASSWORD_FILE']],
    [PASSWORD, ["KAFKA_SASL_PASSWORD_FILE: a password needs KAFKA_SASL_USERNAME"]],
    [by("plain"), [
      "KAFKA_SASL_MECHANISM: plain needs KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD_FILE",
    ]],
    [by("oauthbearer"), ["KAFKA_SASL_MECHANISM: oauthbearer needs KAFKA_SASL_TOKEN_FILE"]],
    [by("gssapi"), [
      "KAFKA_SASL_MECHANISM: expected one of plain, scram-sha-256, scram-sha-512, oauthbearer, " +
      'found "gssapi"',
    ]],
    [TOKEN, ["KAFKA_SASL_TOKEN_FILE: a token needs KAFKA_SASL_MECHANISM=oauthbearer"]],
    [{ ...USER, ...PASSWORD, ...by("oauthbearer") }, [
      "KAFKA_SASL_MECHANISM: oauthbearer needs KAFKA_SASL_TOKEN_FILE",
      'KAFKA_SASL_USERNAME: with oauthbearer the token names the user: leave "me" out',
      "KAFKA_SASL_PASSWORD_FILE: oauthbearer has a token instead",
    ]],
    [{ ...USER, ...PASSWORD, KAFKA_SASL_EXTENSIONS: "a=1" }, ["KAFKA_SASL_EXTENSIONS: belong to"]],
    [{ KAFKA_SASL_EXTENSIONS: "a" }, ["KAFKA_SASL_EXTENSIONS: expected name=value, several"]],
    [{ ...USER, KAFKA_SASL_PASSWORD_FILE: "two-lines", KAFKA_SSL_CA_FILE: "no.pem" }, [
      'KAFKA_SSL_CA_FILE: expected a file of PEM certificates, found "no.pem"',
      'KAFKA_SASL_PASSWORD_FILE: expected a file of one line with the password, found "two-lines"',
    ]],
    [{ KAFKA_SSL_CA_FILE: "der.crt" }, ['a file of PEM certificates, found "der.crt"']],
    [{ KAFKA_SSL_CA_FILE: "gone", KAFKA_SSL: "yes" }, [
      'KAFKA_SSL: expected true or false, found "yes"',
      "KAFKA_SSL_CA_FILE: expected a file of PEM certificates that can be read (no such file)",
    ]],
  ];
  for (const [env, expected] of cases) {
    const found = faults(env);
    assertEquals(found.length, expected.length, found.join("\n"));
    found.forEach((fault, i) => assertStringIncludes(fault, expected[i]!));
  }
});

Deno.test("prepareAccess: warns of a secret that goes over the network in clear, and of nothing else", () => {
  const said = (env: Record<string, string>) => {
    const lines: string[] = [];
    prepareAccess(read(env), { warn: (line: string) => void lines.push(line) } as never);
    return lines;
  };
  const clear = { ...USER, ...PASSWORD, ...by("plain") };
  assertStringIncludes(said(clear)[0]!, "without TLS sends the password in clear: KAFKA_SSL=true");
  assertStringIncludes(said({ ...TOKEN, ...by("oauthbearer") })[0]!, "sends the token in clear");
  assertEquals(said({ ...USER, ...PASSWORD }), []);
  assertEquals(said({ ...clear, KAFKA_SSL: "true" }), []);
});
