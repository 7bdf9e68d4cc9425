/** kafkajs with its patches: every value of it that is used comes from here. */
import "./patches.ts";

export {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  AssignerProtocol,
  Kafka,
  logLevel,
  ResourcePatternTypes,
} from "kafkajs";
