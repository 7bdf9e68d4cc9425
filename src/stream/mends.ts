/**
 * Defects of kafkajs 2.2.4 mended from outside, by replacing one function each. What it does with a
 * cluster whose leaders and coordinators move, and what we do about it, is told in `docs/kafkajs.md`.
 *
 * Loaded for its effect, before any client is made (client.ts imports it).
 */
import { mendFetchAnswers } from "./mends/answers.ts";
import { mendConnections, mendIdleRequestQueue } from "./mends/connection.ts";
import {
  mendFetchRecovery,
  mendFetchVersion,
  mendLostCoordinator,
  mendOffsetReset,
  mendReadCommitted,
} from "./mends/consumer.ts";
import { mendHandshake, mendSessionLifetime } from "./mends/login.ts";
import {
  mendAddresses,
  mendLeaderlessPartitions,
  mendLookups,
  mendSeedBroker,
  mendSharedMetadata,
} from "./mends/metadata.ts";
import { watchSilence } from "./mends/silence.ts";

mendReadCommitted();
mendAddresses();
mendHandshake();
mendSessionLifetime();
mendLeaderlessPartitions();
mendFetchVersion();
mendFetchAnswers();
mendConnections();
mendIdleRequestQueue();
mendSeedBroker();
mendLookups();
mendSharedMetadata();
mendFetchRecovery();
mendLostCoordinator();
mendOffsetReset();
watchSilence();
