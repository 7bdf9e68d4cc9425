/** A broker and a client as small as a test of a proxy needs them: frames without bodies. */
import { LOOPBACK } from "../../local/kafka/ports.ts";
import {
  API_KEYS,
  type ApiName,
  correlationIdOf,
  parseRequest,
  readFrames,
} from "./kafka_frames.ts";

/** A request without a body. */
export function request(api: ApiName, correlationId: number, clientId: string): Uint8Array {
  const id = new TextEncoder().encode(clientId);
  const bytes = new Uint8Array(14 + id.length);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, bytes.length - 4);
  view.setInt16(4, API_KEYS[api]);
  view.setInt32(8, correlationId);
  view.setInt16(12, id.length);
  bytes.set(id, 14);
  return bytes;
}

async function* chunksOf(conn: Deno.Conn): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(1024);
  try {
    for (;;) {
      const count = await conn.read(buffer);
      if (count === null) return;
      yield buffer.slice(0, count);
    }
  } catch { /* closed meanwhile */ }
}

/** Answers each request with its correlation id, and remembers which it executed. */
export class FakeBroker implements AsyncDisposable {
  readonly executed: number[] = [];
  /** Executes without an answer. */
  mute = false;
  readonly port: number;
  readonly #listener = Deno.listen({ hostname: LOOPBACK, port: 0 });
  readonly #work: Promise<void>;

  constructor() {
    this.port = (this.#listener.addr as Deno.NetAddr).port;
    this.#work = this.#run();
  }

  async #run(): Promise<void> {
    const serving: Promise<void>[] = [];
    for await (const conn of this.#listener) serving.push(this.#serve(conn));
    await Promise.all(serving);
  }

  async #serve(conn: Deno.Conn): Promise<void> {
    for await (const frame of readFrames(chunksOf(conn))) {
      const { correlationId } = parseRequest(frame);
      this.executed.push(correlationId);
      if (this.mute) continue;
      const answer = new Uint8Array(8);
      new DataView(answer.buffer).setInt32(0, 4);
      new DataView(answer.buffer).setInt32(4, correlationId);
      await conn.write(answer).catch(() => {});
    }
    conn.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#work;
  }
}

/** A client that keeps the correlation ids of the answers it gets. */
export class FakeClient implements AsyncDisposable {
  readonly answered: number[] = [];
  ended = false;
  readonly #reading: Promise<void>;

  private constructor(private readonly conn: Deno.Conn) {
    this.#reading = this.#read();
  }

  static async open({ port }: { readonly port: number }): Promise<FakeClient> {
    return new FakeClient(await Deno.connect({ hostname: LOOPBACK, port }));
  }

  async #read(): Promise<void> {
    for await (const frame of readFrames(chunksOf(this.conn))) {
      this.answered.push(correlationIdOf(frame));
    }
    this.ended = true;
  }

  async send(bytes: Uint8Array): Promise<void> {
    await this.conn.write(bytes);
  }

  /** Sends an EndTxn. */
  endTxn(correlationId: number): Promise<void> {
    return this.send(request("EndTxn", correlationId, "a"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.conn.close();
    } catch { /* closed by the test */ }
    await this.#reading;
  }
}
