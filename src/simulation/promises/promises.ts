/**
 * The promises of the pipeline, G1 to G7, checked at the end of a schedule: in plain code over what it left
 * behind, for speed, where the audit asks a database.
 */
import type { Violation } from "../result.ts";
import { checkCopies } from "./copies.ts";
import { checkDeadLetters } from "./dead_letters.ts";
import { type Broken, type Evidence, historiesOf } from "./evidence.ts";
import { checkMoney } from "./money.ts";
import { checkOrders } from "./orders.ts";
import { checkOffsets } from "./offsets.ts";
import { checkStock } from "./stock.ts";
import { checkJoins, checkSources } from "./tables.ts";

/**
 * @param isSettled whether all was worked on; otherwise sums and tables are not compared, nor is what is open
 * told but of orders
 * @returns what breaks a promise: nothing, if all is well
 */
export function violationsOf(evidence: Evidence, isSettled = true): Violation[] {
  const violations: Violation[] = [];
  const broken: Broken = (promise, what, ...orders) => {
    violations.push({ promise, what, orders });
  };
  const histories = historiesOf(evidence, violations);
  checkOrders(evidence, histories, broken);
  if (!isSettled) return violations;
  checkStock(evidence, histories, broken);
  checkMoney(evidence, histories, broken);
  checkDeadLetters(evidence, histories, broken);
  checkJoins(evidence, histories, broken);
  checkSources(evidence, histories, broken);
  checkOffsets(evidence, broken);
  return violations.sort((a, b) => a.promise < b.promise ? -1 : a.promise > b.promise ? 1 : 0);
}

/** The same of a schedule in which the copier runs: G7. */
export function violationsOfCopier(evidence: Evidence, isSettled = true): Violation[] {
  const violations: Violation[] = [];
  const broken: Broken = (promise, what) => void violations.push({ promise, what, orders: [] });
  if (isSettled) checkCopies(evidence, broken);
  return violations;
}
