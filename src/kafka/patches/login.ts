/** Logins: the mechanisms that a broker offers, and when to log in again. */
import { replaceModule, require } from "./replace_module.ts";

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
