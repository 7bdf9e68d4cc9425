import { assertEquals, assertThrows } from "@std/assert";
import {
  AclOperationTypes,
  AclResourceTypes,
  ResourcePatternTypes,
} from "../../../kafka/client/client.ts";
import { aclsOf } from "./users.ts";

Deno.test("aclsOf: one ACL an operation, with Strimzi's defaults", () => {
  const acls = aclsOf("orderflow-validator", {
    authorization: {
      acls: [
        {
          operations: ["Read", "DescribeConfigs"],
          resource: { type: "topic", name: "orders.raw" },
        },
        {
          operations: ["Write"],
          resource: { type: "transactionalId", name: "validator-", patternType: "prefix" },
        },
      ],
    },
  });
  assertEquals(
    acls.map((acl) => [acl.resourceType, acl.resourcePatternType, acl.operation]),
    [
      [AclResourceTypes.TOPIC, ResourcePatternTypes.LITERAL, AclOperationTypes.READ],
      [AclResourceTypes.TOPIC, ResourcePatternTypes.LITERAL, AclOperationTypes.DESCRIBE_CONFIGS],
      [AclResourceTypes.TRANSACTIONAL_ID, ResourcePatternTypes.PREFIXED, AclOperationTypes.WRITE],
    ],
  );
  assertEquals(
    new Set(acls.map(({ principal }) => principal)),
    new Set(["User:orderflow-validator"]),
  );
  assertThrows(() =>
    aclsOf("u", { authorization: { acls: [{ operations: ["Rad"], resource: { type: "topic" } }] } })
  );
});
