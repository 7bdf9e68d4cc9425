/**
 * A broker for tests as Strimzi sets one up: TLS with an authority of its own, SCRAM-SHA-512, and the
 * standard authorizer, which denies what no ACL allows. Beside it the plain listener of the tests,
 * whose nameless user may do everything.
 */
import { startBroker } from "./cluster.ts";
import { freePort, LOOPBACK } from "./kafka/ports.ts";
import { lastLines, run } from "./kafka/shell.ts";
import type { TestBroker } from "./testing.ts";

export interface SecureTestBroker {
  /** The plain listener. */
  readonly broker: TestBroker;
  /** Where TLS and SCRAM are: its certificate is for this name. */
  readonly bootstrap: string;
  /** The authority's certificate, PEM. */
  readonly caFile: string;
  /** Makes a user who may do nothing. @returns the file with the password */
  addUser(name: string): Promise<string>;
}

const EC_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

async function openssl(directory: string, args: readonly string[]): Promise<void> {
  const { code, stderr } = await run(["openssl", ...args], { cwd: directory });
  if (code !== 0) throw new Error(`openssl ${args[0]}: ${lastLines(stderr, 5)}`);
}

/** Makes `NAME.crt` and `NAME.key`, an authority that nobody knows. */
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

/**
 * `await using` the broker in it removes everything.
 *
 * @param parent where the folder with certificates and passwords is made; that of temporary files
 * unless said
 */
export async function startSecureTestBroker(parent?: string): Promise<SecureTestBroker> {
  const secrets = await Deno.makeTempDir({ dir: parent, prefix: "orderflow-tls-" });
  await makeAuthority(secrets, "ca");
  await makeServerCertificate(secrets);

  const plain = await freePort();
  const secure = await freePort(plain);
  const controller = await freePort(plain, secure);
  const directory = await Deno.makeTempDir({ prefix: "orderflow-kafka-" });
  const broker = await startBroker({
    directory,
    port: plain,
    overrides: {
      "controller.quorum.voters": `1@127.0.0.1:${controller}`,
      "listeners": `PLAINTEXT://${LOOPBACK}:${plain},SECURE://${LOOPBACK}:${secure},` +
        `CONTROLLER://127.0.0.1:${controller}`,
      "advertised.listeners": `PLAINTEXT://127.0.0.1:${plain},SECURE://localhost:${secure}`,
      "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,SECURE:SASL_SSL,CONTROLLER:PLAINTEXT",
      "listener.name.secure.sasl.enabled.mechanisms": "SCRAM-SHA-512",
      "listener.name.secure.scram-sha-512.sasl.jaas.config":
        "org.apache.kafka.common.security.scram.ScramLoginModule required;",
      "ssl.keystore.type": "PEM",
      "ssl.keystore.location": `${secrets}/server.pem`,
      "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
      "super.users": "User:ANONYMOUS",
    },
  });
  return {
    broker: Object.defineProperty(broker, Symbol.asyncDispose, {
      value: async () => {
        await broker.remove();
        await Deno.remove(secrets, { recursive: true });
      },
    }) as TestBroker,
    bootstrap: `localhost:${secure}`,
    caFile: `${secrets}/ca.crt`,
    async addUser(name) {
      const password = crypto.randomUUID();
      const user = ["--entity-type", "users", "--entity-name", name];
      const config = ["--alter", "--add-config", `SCRAM-SHA-512=[password=${password}]`];
      const to = ["--bootstrap-server", broker.bootstrap];
      await broker.runTool("kafka.admin.ConfigCommand", [...to, ...config, ...user]);
      const file = `${secrets}/${name}.password`;
      await Deno.writeTextFile(file, password);
      return file;
    },
  };
}
