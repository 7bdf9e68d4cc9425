/** A server that speaks Kafka's frames and knows nothing else of Kafka: a test answers each request. */
import { LOOPBACK } from "../../local/kafka/ports.ts";
import { parseRequest, readFrames, type Request } from "./kafka_frames.ts";

export interface ScriptedRequest extends Request {
  /** Which connection it came on; 0 is the first. */
  readonly socket: number;
  /** @param body follows the correlation id */
  answer(body: Uint8Array): Promise<void>;
  /** The same, but only the first `bytes` of the whole frame. */
  answerInPart(body: Uint8Array, bytes: number): Promise<void>;
}

export class ScriptedBroker implements AsyncDisposable {
  readonly port: number;
  readonly requests: ScriptedRequest[] = [];
  readonly #sockets: Deno.Conn[] = [];
  readonly #listener = Deno.listen({ hostname: LOOPBACK, port: 0 });
  readonly #work: Promise<void>;

  /** @param onRequest does nothing: no answer */
  constructor(private readonly onRequest: (request: ScriptedRequest) => unknown = () => {}) {
    this.port = (this.#listener.addr as Deno.NetAddr).port;
    this.#work = this.#accept();
  }

  /** `127.0.0.1:PORT`. */
  get bootstrap(): string {
    return `${LOOPBACK}:${this.port}`;
  }

  /** How many connections were made. */
  get sockets(): number {
    return this.#sockets.length;
  }

  /** Ends one connection. */
  hangUp(socket: number): void {
    try {
      this.#sockets[socket]!.close();
    } catch { /* it has ended already */ }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (let socket = 0; socket < this.sockets; socket++) this.hangUp(socket);
    await this.#work;
  }

  async #accept(): Promise<void> {
    const served: Promise<void>[] = [];
    for await (const connection of this.#listener) {
      served.push(this.#serve(connection, this.#sockets.push(connection) - 1));
    }
    await Promise.all(served);
  }

  async #serve(connection: Deno.Conn, socket: number): Promise<void> {
    const write = (bytes: Uint8Array) => connection.write(bytes).then(() => {}, () => {});
    try {
      for await (const frame of readFrames(chunksOf(connection))) {
        const request = parseRequest(frame);
        const answerInPart = (body: Uint8Array, bytes: number) =>
          write(answerFrame(request.correlationId, body).subarray(0, bytes));
        const scripted = {
          ...request,
          socket,
          answerInPart,
          answer: (body: Uint8Array) => answerInPart(body, Infinity),
        };
        this.requests.push(scripted);
        await this.onRequest(scripted);
      }
    } finally {
      this.hangUp(socket);
    }
  }
}

export async function* chunksOf(connection: Deno.Conn): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(64 * 1024);
  try {
    for (;;) {
      const count = await connection.read(buffer);
      if (count === null) return;
      yield buffer.slice(0, count);
    }
  } catch { /* closed meanwhile */ }
}

/** Length, correlation id, body. */
function answerFrame(correlationId: number, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(8 + body.length);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, 4 + body.length);
  view.setInt32(4, correlationId);
  bytes.set(body, 8);
  return bytes;
}
