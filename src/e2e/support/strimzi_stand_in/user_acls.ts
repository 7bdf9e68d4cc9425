/** The ACLs that a KafkaUser asks for, as the Kafka client takes them. */
import {
  type AclEntry,
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  ResourcePatternTypes,
} from "../../../kafka/client/client.ts";

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
