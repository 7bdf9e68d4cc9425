/** Connections, their queues of requests, and their logins. */
import type { RequestBody } from "../protocol/wire.ts";
import { replaceModule, require } from "./replace_module.ts";

interface Encoder {
  readonly buffer: Buffer;
  writeInt16(value: number): Encoder;
  writeInt32(value: number): Encoder;
  writeString(value: string): Encoder;
}

interface Request {
  readonly correlationId: number;
  readonly clientId: string;
  readonly request: {
    readonly apiKey: number;
    readonly apiVersion: number;
    readonly encode: () => Promise<
      { readonly parts?: RequestBody["parts"]; readonly buffer: Uint8Array }
    >;
  };
}

/** kafkajs copies a request twice more, into buffers that grow; a Produce has hundreds of kilobytes. */
export function patchRequests(): void {
  const NewEncoder: new () => Encoder = require("kafkajs/src/protocol/encoder.js");
  replaceModule(
    "kafkajs/src/protocol/request.js",
    async ({ correlationId, clientId, request: { apiKey, apiVersion, encode } }: Request) => {
      const body = await encode();
      const parts = body.parts ?? [body.buffer];
      const length = parts.reduce((sum, { length }) => sum + length, 0);
      const { buffer: header } = new NewEncoder().writeInt16(apiKey).writeInt16(apiVersion)
        .writeInt32(correlationId).writeString(clientId);
      const { buffer: size } = new NewEncoder().writeInt32(header.length + length);
      return { buffer: Buffer.concat([size, header, ...parts]) };
    },
  );
}

interface RequestQueuePrototype {
  pending: unknown[];
  /** Epoch milliseconds. */
  throttledUntil: number;
  /** The longest that a broker has asked for, milliseconds. */
  throttleMs?: number;
  maybeThrottle(ms: number | null): void;
  canSendSocketRequestImmediately(): boolean;
  scheduleCheckPendingRequests(): void;
}

/**
 * kafkajs#1704, #1751: the timer of an idle request queue fires every millisecond, which costs 5 % of a
 * core a connection and prints TimeoutNegativeWarning. With nothing pending there is nothing to check.
 */
export function patchIdleRequestQueue(): void {
  const queue = require("kafkajs/src/network/requestQueue/index.js")
    .prototype as RequestQueuePrototype;
  const original = queue.scheduleCheckPendingRequests;
  queue.scheduleCheckPendingRequests = function () {
    if (this.pending.length > 0) original.call(this);
  };
}

/** Where the clock was set back, a connection that was ever throttled would wait until it has caught up. */
export function patchThrottling(): void {
  const queue = require("kafkajs/src/network/requestQueue/index.js")
    .prototype as RequestQueuePrototype;
  const { maybeThrottle, canSendSocketRequestImmediately } = queue;
  queue.maybeThrottle = function (ms) {
    this.throttleMs = Math.max(this.throttleMs ?? 0, ms ?? 0);
    maybeThrottle.call(this, ms);
  };
  queue.canSendSocketRequestImmediately = function () {
    const latest = Date.now() + (this.throttleMs ?? 0);
    if (this.throttledUntil > latest) this.throttledUntil = latest;
    return canSendSocketRequestImmediately.call(this);
  };
}

interface Socket {
  readonly destroyed: boolean;
  removeAllListeners(): void;
  on(event: "error", listener: () => void): void;
  destroy(): void;
}

interface Connection {
  host: string;
  port: number;
  socket: Socket | undefined;
  chunks: Uint8Array[];
  bytesBuffered: number;
  bytesNeeded: number;
  connectionStatus: "connected" | "disconnecting" | "disconnected";
  authenticatedAt: unknown;
  requestQueue: { destroy(): void };
  isConnected(): boolean;
  connect(): Promise<unknown>;
  disconnect(): Promise<unknown>;
  send(request: unknown): Promise<unknown>;
  rejectRequests(error: Error): void;
  processData(data: Uint8Array): void;
}

/** The bytes of an answer's length. */
const LENGTH_BYTES = 4;
const DISCONNECT_LIMIT_MS = 2_000;

/**
 * - A connection that breaks in the middle of an answer keeps that half, and takes the first bytes of
 *   the next connection for the rest of it.
 * - An abandoned socket still reports its end to its connection, which has another socket by then.
 * - Two requests at once on a closed connection open a socket each; one of them is forgotten.
 * - After a request that timed out the connection stays (kafkajs#919, #1163). Where the network drops
 *   packets, every later request times out, too, until the system closes the socket: 15 minutes.
 *   Kafka's own client closes it at once (NetworkClient.handleTimedOutRequests).
 * - A connection that is to be closed waits for its answers without a limit, and accepts requests
 *   meanwhile (kafkajs#918); a refresh of the metadata waits with it. A request accepted at the moment
 *   of closing is never answered, and never times out.
 * - Bytes that are no answer throw in the socket's listener, which ends the process. The connection is
 *   closed instead: where the next answer begins is unknown.
 */
export function patchConnections(): void {
  const { prototype } = require("kafkajs/src/network/connection.js") as { prototype: Connection };
  const { connect, disconnect, processData, send } = prototype;
  const connecting = new WeakMap<Connection, Promise<unknown>>();
  prototype.connect = function () {
    if (this.isConnected()) return Promise.resolve(true);
    let attempt = connecting.get(this);
    if (attempt === undefined) {
      abandonSocket(this);
      this.chunks = [];
      this.bytesBuffered = 0;
      this.bytesNeeded = LENGTH_BYTES;
      attempt = connect.call(this).finally(() => connecting.delete(this));
      connecting.set(this, attempt);
    }
    return attempt;
  };
  prototype.send = async function (request) {
    try {
      return await send.call(this, request);
    } catch (error) {
      if (error instanceof Error && error.name === "KafkaJSRequestTimeoutError") {
        dropConnection(this, error);
      }
      throw error;
    }
  };
  prototype.processData = function (data) {
    try {
      processData.call(this, data);
    } catch (error) {
      dropConnection(this, new Error(`no answer of Kafka's (${(error as Error).message})`));
    }
  };
  prototype.disconnect = async function () {
    if (this.socket?.destroyed) return closeNow(this);
    const close = () => this.rejectRequests(closedConnection(this, "it is closed by us"));
    const timer = setTimeout(close, DISCONNECT_LIMIT_MS);
    try {
      return await disconnect.call(this);
    } finally {
      clearTimeout(timer);
      close();
    }
  };
}

/** In one step, so that no request is sent meanwhile. */
function closeNow(connection: Connection): true {
  connection.socket = undefined;
  connection.connectionStatus = "disconnected";
  connection.authenticatedAt = null;
  connection.requestQueue.destroy();
  connection.rejectRequests(closedConnection(connection, "its socket is gone"));
  return true;
}

function closedConnection({ host, port }: Connection, why: string): Error {
  const { KafkaJSConnectionClosedError } = require("kafkajs/src/errors.js");
  return new KafkaJSConnectionClosedError(`Closed connection: ${why}`, { host, port });
}

function abandonSocket({ socket }: Connection): void {
  socket?.removeAllListeners();
  socket?.on("error", () => {});
  socket?.destroy();
}

function dropConnection(connection: Connection, reason: Error): void {
  if (!connection.isConnected()) return;
  connection.rejectRequests(closedConnection(connection, reason.message));
  abandonSocket(connection);
  closeNow(connection);
}

/** Closes the connections to a broker; the next request opens new ones. */
export function dropConnections(
  broker: { readonly connectionPool: { readonly pool: readonly unknown[] } },
  reason: Error,
): void {
  for (const connection of broker.connectionPool.pool) {
    dropConnection(connection as Connection, reason);
  }
}

interface Handshake {
  errorCode: number;
  enabledMechanisms: string[];
}

const UNSUPPORTED_SASL_MECHANISM = 33;

/** A broker that does not offer the mechanism lists those that it does; kafkajs drops the list. */
export function patchHandshake(): void {
  const name = "kafkajs/src/protocol/requests/saslHandshake/v0/response.js";
  const { decode, parse } = require(name);
  const { KafkaJSSASLAuthenticationError } = require("kafkajs/src/errors.js");
  replaceModule(name, {
    decode,
    parse(data: Handshake) {
      if (data.errorCode !== UNSUPPORTED_SASL_MECHANISM) return parse(data);
      const offered = data.enabledMechanisms.join(", ");
      const message = `UNSUPPORTED_SASL_MECHANISM: it offers ${offered} (KAFKA_SASL_MECHANISM)`;
      return Promise.reject(new KafkaJSSASLAuthenticationError(message));
    },
  });
}

interface SaslAuthenticator {
  connection: { reauthenticationThreshold: number };
  /** Milliseconds; 0 when the broker ends no session. */
  sessionLifetime: string;
  authenticate(): Promise<void>;
}

/** Kafka's own client logs in again after 85 to 95 % of a session. */
const REST_OF_SESSION = 0.15;

/**
 * kafkajs#492 logs in again 10 s before a session ends. In a shorter session, such as that of a token
 * about to expire, that is at every request, until the broker, which takes one login a second, refuses.
 */
export function patchSessionLifetime(): void {
  const { prototype } = require("kafkajs/src/broker/saslAuthenticator/index.js") as {
    prototype: SaslAuthenticator;
  };
  const { authenticate } = prototype;
  prototype.authenticate = async function () {
    await authenticate.call(this);
    const threshold = Math.min(10_000, Number(this.sessionLifetime) * REST_OF_SESSION);
    this.connection.reauthenticationThreshold = Math.floor(threshold);
  };
}
