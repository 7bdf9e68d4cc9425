/** For tests of logins: rights below a prefix, and secrets that change. */
import type { Kafka } from "kafkajs";
import { fileAt } from "../../local/testing/secure_broker.ts";
import type { Names } from "../../topology.ts";
import { withAdmin } from "../client/client.ts";
import {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  ResourcePatternTypes,
} from "../patches/kafkajs.ts";

/** Allows a user everything below a prefix; but for one thing with one topic, if that is said. */
export async function allow(
  kafka: Kafka,
  username: string,
  { prefix }: Names,
  denied?: { topic: string; operation: AclOperationTypes },
): Promise<void> {
  await withAdmin(kafka, async (admin) => {
    const { TOPIC, GROUP, TRANSACTIONAL_ID } = AclResourceTypes;
    await admin.createAcls({
      acl: [TOPIC, GROUP, TRANSACTIONAL_ID].map((resourceType) => ({
        resourceType,
        resourceName: prefix,
        resourcePatternType: ResourcePatternTypes.PREFIXED,
        principal: `User:${username}`,
        host: "*",
        operation: AclOperationTypes.ALL,
        permissionType: AclPermissionTypes.ALLOW,
      })),
    });
    if (!denied) return;
    await admin.createAcls({
      acl: [{
        resourceType: TOPIC,
        resourceName: denied.topic,
        resourcePatternType: ResourcePatternTypes.LITERAL,
        principal: `User:${username}`,
        host: "*",
        operation: denied.operation,
        permissionType: AclPermissionTypes.DENY,
      }],
    });
  });
}

/** A file that nothing else reads; `write` changes it. */
export function secretFile(directory: string, text: string) {
  const path = `${directory}/${crypto.randomUUID()}`;
  const write = (text: string) => Deno.writeTextFileSync(path, text);
  write(text);
  return { ...fileAt(path), write };
}
