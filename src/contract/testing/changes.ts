/** For tests: changes of the contract, each on a copy of it. */
import { compareContracts } from "../compare.ts";
import { asyncApi } from "../document.ts";
import { readContract } from "../read.ts";

// deno-lint-ignore no-explicit-any
export type Node = any;
export type Change = (document: Node) => void;

export const compare = (before: Node, after: Node) =>
  compareContracts(readContract(before), readContract(after));

export function changed(...changes: Change[]): Node {
  const document = structuredClone(asyncApi({}));
  for (const change of changes) change(document);
  return document;
}

export const message = (document: Node, name: string): Node => document.components.messages[name];
export const fields = (document: Node, name: string): Node =>
  message(document, name).payload.properties;

/** A schema's field, required or not. */
export function add(document: Node, name: string, field: string, required: boolean): void {
  const { payload } = message(document, name);
  payload.properties[field] = { type: "string" };
  if (required) payload.required.push(field);
}

export function remove({ payload }: Node, field: string): void {
  delete payload.properties[field];
  payload.required = payload.required.filter((name: string) => name !== field);
}

/** Version 2 of an event beside version 1: read by all who read that. */
export const readToo = (type: string, topic: string): Change => (document) => {
  const [old, name] = [`${type}.v1`, `${type}.v2`];
  const copy = structuredClone(message(document, old));
  copy.payload.properties.version.const = 2;
  copy.payload.properties.added = { type: "string" };
  copy.payload.required.push("added");
  document.components.messages[name] = copy;
  const channel = document.channels[topic];
  channel.messages[name] = { $ref: `#/components/messages/${name}` };
  for (const operation of operationsOn(document, topic)) {
    if (operation.action !== "receive") continue;
    operation.messages.push({ $ref: `#/channels/${topic}/messages/${name}` });
  }
};

export function operationsOn(document: Node, topic: string): Node[] {
  return Object.values<Node>(document.operations)
    .filter(({ channel }) => channel.$ref === `#/channels/${topic}`);
}

/** Version 2 is written instead of version 1, which is still read. */
export const writeInstead = (type: string, topic: string): Change => (document) => {
  for (const operation of operationsOn(document, topic)) {
    if (operation.action !== "send") continue;
    for (const reference of operation.messages) {
      if (reference.$ref.endsWith(`/${type}.v1`)) {
        reference.$ref = reference.$ref.replace(/v1$/, "v2");
      }
    }
  }
};

/** Nobody reads or writes it any more. */
export const drop = (name: string, topic: string): Change => (document) => {
  delete document.components.messages[name];
  delete document.channels[topic].messages[name];
  for (const operation of operationsOn(document, topic)) {
    operation.messages = operation.messages.filter(({ $ref }: Node) => !$ref.endsWith(`/${name}`));
  }
};

export const configure = (topic: string, setting: string, value: unknown): Change => (d) => {
  (d.channels[topic].bindings.kafka.topicConfiguration ??= {})[setting] = value;
};
