/**
 * The defects of kafkajs 2.2.4 that are patched from outside, each by replacing one of its functions. A
 * patch names the upstream issue where there is one; docs/kafkajs.md lists all that we know of.
 *
 * Imported for its effect, by kafkajs.ts, before kafkajs itself.
 */
import {
  patchConnections,
  patchHandshake,
  patchIdleRequestQueue,
  patchRequests,
  patchSessionLifetime,
  patchThrottling,
} from "./connection.ts";
import {
  patchFetchEvents,
  patchFetchRecovery,
  patchJoins,
  patchLostCoordinator,
  patchOffsetReset,
  patchStoppedFetchers,
} from "./consumer.ts";
import {
  patchBatches,
  patchCodecs,
  patchFetchAnswers,
  patchFetchErrors,
  patchFetchVersion,
  patchRecordBatches,
} from "./fetch.ts";
import {
  patchAddresses,
  patchLeaderlessPartitions,
  patchLookups,
  patchMetadataAge,
  patchSeedBroker,
  patchSharedMetadata,
} from "./metadata.ts";
import { patchFetchLimits } from "./fetch_limits.ts";
import { watchSilence } from "./silence.ts";
import { patchWorkers } from "./workers.ts";

// First: who has loaded a module before it is replaced keeps the old one.
patchRequests();
patchBatches();
patchWorkers();
patchAddresses();
patchHandshake();
patchSessionLifetime();
patchRecordBatches();
patchFetchErrors();
patchCodecs();
patchLeaderlessPartitions();
patchMetadataAge();
patchFetchVersion();
patchFetchAnswers();
patchFetchLimits();
patchConnections();
patchIdleRequestQueue();
patchThrottling();
patchSeedBroker();
patchLookups();
patchSharedMetadata();
patchFetchRecovery();
patchFetchEvents();
patchJoins();
patchLostCoordinator();
patchOffsetReset();
patchStoppedFetchers();
watchSilence();
