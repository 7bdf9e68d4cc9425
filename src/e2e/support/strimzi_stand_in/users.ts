/** What a KafkaUser asks for: its ACLs, as the Kafka client takes them, and its password. */
import {
  type AclEntry,
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  ResourcePatternTypes,
} from "../../../kafka/client/client.ts";
import { pbkdf2Sync, randomBytes } from "node:crypto";

/** The part of a KafkaUser's spec that the stand-in understands. */
export interface UserSpec {
  readonly authentication?: { readonly type: string };
  readonly authorization?: {
    readonly acls?: readonly {
      readonly type?: "allow" | "deny";
      readonly host?: string;
      readonly operations: readonly string[];
      readonly resource: {
        readonly type: string;
        readonly name?: string;
        readonly patternType?: "literal" | "prefix";
      };
    }[];
  };
}

const RESOURCES: Readonly<Record<string, AclResourceTypes>> = {
  topic: AclResourceTypes.TOPIC,
  group: AclResourceTypes.GROUP,
  cluster: AclResourceTypes.CLUSTER,
  transactionalId: AclResourceTypes.TRANSACTIONAL_ID,
};

/** The one cluster that there is. */
const CLUSTER_NAME = "kafka-cluster";

/** @throws {TypeError} something in it is unknown to the stand-in */
export function aclsOf(user: string, spec: UserSpec): AclEntry[] {
  return (spec.authorization?.acls ?? []).flatMap((
    { type = "allow", host = "*", operations, resource },
  ) =>
    operations.map((name) => {
      const resourceType = RESOURCES[resource.type];
      if (resourceType === undefined) throw new TypeError(`no such resource: ${resource.type}`);
      return {
        principal: `User:${user}`,
        host,
        resourceType,
        resourceName: resource.name ?? CLUSTER_NAME,
        resourcePatternType: resource.patternType === "prefix"
          ? ResourcePatternTypes.PREFIXED
          : ResourcePatternTypes.LITERAL,
        operation: operationOf(name),
        permissionType: type === "allow" ? AclPermissionTypes.ALLOW : AclPermissionTypes.DENY,
      };
    })
  );
}

/** `DescribeConfigs` is kafkajs' `DESCRIBE_CONFIGS`. */
function operationOf(name: string): AclOperationTypes {
  const key = name.replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();
  const operation = AclOperationTypes[key as keyof typeof AclOperationTypes];
  if (operation === undefined) throw new TypeError(`no such operation: ${name}`);
  return operation;
}

/** The same ACL has the same text. */
export function aclKey(acl: AclEntry): string {
  const { principal, host, resourceType, resourceName, resourcePatternType } = acl;
  return [
    ...[principal, host, resourceType, resourceName, resourcePatternType],
    ...[acl.operation, acl.permissionType],
  ].join("\n");
}

// The Kafka client cannot set a SCRAM password: the one request for it (AlterUserScramCredentials,
// version 0) is made here, on a connection of its own.

const API_KEY = 51;
const SCRAM_SHA_512 = 2;
const ITERATIONS = 4096;

const encoder = new TextEncoder();

function int16(value: number): Uint8Array {
  const bytes = new Uint8Array(2);
  new DataView(bytes.buffer).setInt16(0, value);
  return bytes;
}

function int32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value);
  return bytes;
}

/** The length is an unsigned varint, plus one; all of ours are below 127. */
function compact(bytes: Uint8Array): Uint8Array {
  if (bytes.length > 126) throw new RangeError(`too long: ${bytes.length} bytes`);
  return concat([new Uint8Array([bytes.length + 1]), bytes]);
}

function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

const NO_TAGS = new Uint8Array([0]);
const NO_ENTRIES = new Uint8Array([1]);
const ONE_ENTRY = new Uint8Array([2]);

/** The request, its length included. */
function scramRequest(user: string, password: string): Uint8Array<ArrayBuffer> {
  const salt = randomBytes(32);
  const salted = pbkdf2Sync(password, salt, ITERATIONS, 64, "sha512");
  const clientId = encoder.encode("stand-in");
  const request = concat([
    ...[int16(API_KEY), int16(0), int32(1), int16(clientId.length), clientId, NO_TAGS],
    ...[NO_ENTRIES, ONE_ENTRY, compact(encoder.encode(user)), new Uint8Array([SCRAM_SHA_512])],
    ...[int32(ITERATIONS), compact(salt), compact(salted), NO_TAGS, NO_TAGS],
  ]);
  return concat([int32(request.length), request]);
}

/** Sets a user's SCRAM-SHA-512 password. @throws {Error} Kafka refused */
export async function setPassword(
  broker: { hostname: string; port: number },
  user: string,
  password: string,
): Promise<void> {
  using connection = await Deno.connect(broker);
  await connection.write(scramRequest(user, password));
  const head = new DataView((await read(connection, 4)).buffer);
  const answer = await read(connection, head.getInt32(0));
  // correlation id 4, tags 1, throttle time 4, count 1, the user's name, the error code
  const errorCode = new DataView(answer.buffer).getInt16(10 + answer[10]!);
  if (errorCode !== 0) throw new Error(`Kafka refuses credentials of ${user}: error ${errorCode}`);
}

async function read(connection: Deno.Conn, length: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length;) {
    const count = await connection.read(bytes.subarray(at));
    if (count === null) throw new Error("Kafka closed the connection");
    at += count;
  }
  return bytes;
}
