import { assert } from "@std/assert";
import { sharedByTests, startTestBroker } from "../../local/testing/test_broker.ts";
import { COMPRESSIONS } from "../access.ts";
import { createClient } from "../client/client.ts";
import { createCluster } from "../client/cluster.ts";
import { sizesOf } from "../protocol/record.ts";
import { type FetchCluster, fetchOnce } from "../readers/fetch.ts";
import { freshTopics, placed, publication, publishAll } from "../testing/topics.ts";

const broker = sharedByTests(startTestBroker);

/** Some 5 MB, in batches of 500. Orders that differ as real ones do: equal ones would become nothing. */
const ORDERS = Array.from({ length: 12_000 }, (_, i) => {
  const { key, value } = publication(placed(i));
  return { key, value: Buffer.concat([value, Buffer.from(crypto.randomUUID())]) };
});
const LIMIT = 1024 * 1024;
/** The last batch of a partition may be cut off, and the first is always sent. */
const BATCH_BYTES = 500 * 400;

for (const compression of COMPRESSIONS) {
  Deno.test(`fetch limits: of ${compression} batches a fetch brings as much as it may, decompressed`, async () => {
    const { names } = await freshTopics(broker.bootstrap, 1);
    const kafka = createClient({ brokers: [broker.bootstrap], compression }, "test");
    const topic = names.topic("orders.raw");
    await publishAll(kafka, topic, ORDERS);
    const cluster: FetchCluster = createCluster(kafka);
    try {
      await cluster.connect();
      await cluster.addMultipleTargetTopics([topic]);
      const fetched: number[] = [];
      for (let i = 0; i < 3; i++) {
        const limits = { bytes: LIMIT, partitionBytes: LIMIT };
        const [data] = await fetchOnce(cluster, topic, new Map([[0, 0]]), limits);
        fetched.push(sizesOf(data!.messages).decompressed);
      }
      const said = `${fetched} of ${LIMIT}`;
      assert(fetched.slice(1).every((bytes) => bytes <= LIMIT + BATCH_BYTES), said);
      assert(fetched.slice(1).every((bytes) => bytes >= LIMIT - BATCH_BYTES), said);
    } finally {
      await cluster.disconnect();
    }
  });
}
