/**
 * Defects of kafkajs 2.2.4 mended from outside, by replacing one function each. What it does with a
 * cluster whose leaders and coordinators move, and what we do about it, is told in `docs/kafkajs.md`.
 *
 * Loaded for its effect, before any client is made (client.ts imports it).
 */
import { patchFetchAnswers } from "./answers.ts";
import { patchConnections, patchIdleRequestQueue } from "./connection.ts";
import {
  patchFetchRecovery,
  patchFetchVersion,
  patchLostCoordinator,
  patchOffsetReset,
  patchReadCommitted,
} from "./consumer.ts";
import { patchHandshake, patchSessionLifetime } from "./login.ts";
import { patchCodecs, patchFetchErrors, patchRecordBatches } from "./record_batches.ts";
import {
  patchAddresses,
  patchLeaderlessPartitions,
  patchLookups,
  patchSeedBroker,
  patchSharedMetadata,
} from "./metadata.ts";
import { watchSilence } from "./silence.ts";

patchReadCommitted();
patchAddresses();
patchHandshake();
patchSessionLifetime();
patchRecordBatches();
patchFetchErrors();
patchCodecs();
patchLeaderlessPartitions();
patchFetchVersion();
patchFetchAnswers();
patchConnections();
patchIdleRequestQueue();
patchSeedBroker();
patchLookups();
patchSharedMetadata();
patchFetchRecovery();
patchLostCoordinator();
patchOffsetReset();
watchSilence();
