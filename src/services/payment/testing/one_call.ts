/** For tests: single calls of a gateway client, which works on batches. */
import type { ChargeAnswer, ChargeRequest, RefundAnswer, RefundRequest } from "../gateway.ts";
import type { GatewayClient } from "../gateway_client.ts";

export async function charge(client: GatewayClient, request: ChargeRequest): Promise<ChargeAnswer> {
  const answers: ChargeAnswer[] = [];
  const failure = await client.charge([request], (answer) => answers.push(answer));
  if (failure) throw failure;
  return answers[0]!;
}

export async function refund(client: GatewayClient, request: RefundRequest): Promise<RefundAnswer> {
  const answers: RefundAnswer[] = [];
  const failure = await client.refund([request], (answer) => answers.push(answer));
  if (failure) throw failure;
  return answers[0]!;
}
