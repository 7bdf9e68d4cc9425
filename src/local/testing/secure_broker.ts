/**
 * A broker for tests with TLS by an authority of its own, a login by each of Kafka's mechanisms, and
 * the standard authorizer, which denies what no ACL allows. Beside it the plain listener of the tests,
 * whose nameless user may do everything, as may `ADMIN`.
 */
import type { TextFile } from "../../runtime/setting.ts";
import { freePort, LOOPBACK } from "../kafka/ports.ts";
import { lastLines, run } from "../kafka/shell.ts";
import { startColdTestBroker, type TestBroker } from "./test_broker.ts";

/** A user who may do everything, known to PLAIN; `addUser` makes the same name known to SCRAM. */
export const ADMIN = { username: "admin", password: "admin-secret" };

export interface SecureTestBroker {
  /** The plain listener. */
  readonly broker: TestBroker;
  /** Where TLS and a login by any mechanism are: its certificate is for this name. */
  readonly bootstrap: string;
  /** TLS alone. */
  readonly tlsAlone: string;
  /** A login by PLAIN alone, without TLS. */
  readonly clear: string;
  /** Neither, at an IPv6 address; undefined where this machine has none. */
  readonly ipv6: string | undefined;
  /** The authority's certificate, PEM. */
  readonly caFile: string;
  /**
   * Makes a user who may do nothing, or gives one another password.
   *
   * @param options.password (default: a random one)
   * @param options.mechanism (default: SCRAM-SHA-512)
   * @returns the file with the password
   */
  addUser(
    name: string,
    options?: { password?: string; mechanism?: "SCRAM-SHA-256" | "SCRAM-SHA-512" },
  ): Promise<string>;
}

const EC_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

async function openssl(directory: string, args: readonly string[]): Promise<void> {
  const { code, stderr } = await run(["openssl", ...args], { cwd: directory });
  if (code !== 0) throw new Error(`openssl ${args[0]}: ${lastLines(stderr, 5)}`);
}

/** Makes `NAME.crt` and `NAME.key`, an authority that no client trusts yet. */
export function makeAuthority(directory: string, name: string): Promise<void> {
  const files = ["-keyout", `${name}.key`, "-out", `${name}.crt`];
  return openssl(directory, ["req", "-x509", ...EC_KEY, ...files, "-subj", `/CN=${name}`]);
}

/** Makes `server.pem`, key and certificate of `localhost`, which `ca` vouches for. */
async function makeServerCertificate(directory: string): Promise<void> {
  const request = ["-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=broker"];
  await openssl(directory, ["req", "-new", ...EC_KEY, ...request]);
  Deno.writeTextFileSync(
    `${directory}/server.ext`,
    "subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n",
  );
  const signer = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial"];
  const files = ["-in", "server.csr", "-extfile", "server.ext", "-out", "server.crt"];
  await openssl(directory, ["x509", "-req", ...signer, ...files]);
  const parts = ["server.key", "server.crt"].map((part) =>
    Deno.readTextFileSync(`${directory}/${part}`)
  );
  Deno.writeTextFileSync(`${directory}/server.pem`, parts.join(""));
}

const JAAS = "org.apache.kafka.common.security";
const PLAIN_USERS =
  `${JAAS}.plain.PlainLoginModule required user_${ADMIN.username}="${ADMIN.password}";`;

function hasIpv6(): boolean {
  try {
    Deno.listen({ hostname: "::1", port: 0 }).close();
    return true;
  } catch {
    return false;
  }
}

/** How clients log in at each listener. */
function loginSettings(secrets: string, sessionMs: number): Record<string, string> {
  const any = "listener.name.secure";
  return {
    [`${any}.sasl.enabled.mechanisms`]: "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
    [`${any}.plain.sasl.jaas.config`]: PLAIN_USERS,
    [`${any}.scram-sha-256.sasl.jaas.config`]: `${JAAS}.scram.ScramLoginModule required;`,
    [`${any}.scram-sha-512.sasl.jaas.config`]: `${JAAS}.scram.ScramLoginModule required;`,
    // It takes tokens without a signature.
    [`${any}.oauthbearer.sasl.jaas.config`]:
      `${JAAS}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";`,
    [`${any}.connections.max.reauth.ms`]: String(sessionMs),
    "listener.name.clear.sasl.enabled.mechanisms": "PLAIN",
    "listener.name.clear.plain.sasl.jaas.config": PLAIN_USERS,
    "ssl.keystore.type": "PEM",
    "ssl.keystore.location": `${secrets}/server.pem`,
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": `User:ANONYMOUS;User:${ADMIN.username}`,
  };
}

/**
 * `await using` the broker in it removes everything.
 *
 * @param parent where the folder with certificates and passwords is made (default: that of temporary
 * files)
 * @param sessionMs after how long a login has to be repeated (default: never)
 */
export async function startSecureTestBroker(
  parent?: string,
  sessionMs = 0,
): Promise<SecureTestBroker> {
  const secrets = await Deno.makeTempDir({ dir: parent, prefix: "orderflow-tls-" });
  await makeAuthority(secrets, "ca");
  await makeServerCertificate(secrets);

  const ports: number[] = [];
  for (let n = 0; n < 6; n++) ports.push(await freePort(...ports));
  const [plain, secure, tlsAlone, clear, v6, controller] = ports as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const ipv6 = hasIpv6() ? `[::1]:${v6}` : undefined;
  const names = [`SECURE://localhost:${secure}`, `TLS://localhost:${tlsAlone}`];
  const plainNames = [`PLAINTEXT://127.0.0.1:${plain}`, `CLEAR://127.0.0.1:${clear}`];
  if (ipv6) plainNames.push(`V6://${ipv6}`);
  const advertised = [...names, ...plainNames].join(",");
  const broker = await startColdTestBroker(
    {
      "controller.quorum.voters": `1@127.0.0.1:${controller}`,
      "listeners": `${advertised.replaceAll("localhost", LOOPBACK)},` +
        `CONTROLLER://127.0.0.1:${controller}`,
      "advertised.listeners": advertised,
      "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,SECURE:SASL_SSL,TLS:SSL," +
        "CLEAR:SASL_PLAINTEXT,V6:PLAINTEXT,CONTROLLER:PLAINTEXT",
      ...loginSettings(secrets, sessionMs),
    },
    plain,
  );
  return {
    broker: Object.defineProperty(broker, Symbol.asyncDispose, {
      value: async () => {
        await broker.remove();
        await Deno.remove(secrets, { recursive: true });
      },
    }),
    bootstrap: `localhost:${secure}`,
    tlsAlone: `localhost:${tlsAlone}`,
    clear: `127.0.0.1:${clear}`,
    ipv6,
    caFile: `${secrets}/ca.crt`,
    async addUser(name, { password = crypto.randomUUID(), mechanism = "SCRAM-SHA-512" } = {}) {
      const user = ["--entity-type", "users", "--entity-name", name];
      const config = ["--alter", "--add-config", `${mechanism}=[password=${password}]`];
      const to = ["--bootstrap-server", broker.bootstrap];
      await broker.runTool("kafka.admin.ConfigCommand", [...to, ...config, ...user]);
      const file = `${secrets}/${name}.password`;
      await Deno.writeTextFile(file, password);
      return file;
    },
  };
}

/** A file that is read anew at each use, as the settings have them. */
export function fileAt(path: string): TextFile {
  return { path, read: () => Deno.readTextFileSync(path).trim() };
}

/**
 * A token for the broker, which asks for no signature.
 *
 * @param lifeMs until it expires
 */
export function unsignedToken(username: string, lifeMs: number): string {
  const part = (value: unknown) =>
    btoa(JSON.stringify(value)).replaceAll("=", "").replaceAll("+", "-").replaceAll("/", "_");
  const nowS = Date.now() / 1_000;
  const claims = { sub: username, iat: nowS, exp: nowS + lifeMs / 1_000 };
  return `${part({ alg: "none" })}.${part(claims)}.`;
}
