/** All checks, in the order of the report: docs/audit.md shows each promise beside its query. */
import { type Check } from "./checks/check.ts";
import { G1 } from "./checks/g1.ts";
import { G2 } from "./checks/g2.ts";
import { G3 } from "./checks/g3.ts";
import { G4 } from "./checks/g4.ts";
import { G5 } from "./checks/g5.ts";

const ALL = { ...G1, ...G2, ...G3, ...G4, ...G5 };

export type CheckName = keyof typeof ALL;
export const CHECKS: Readonly<Record<CheckName, Check>> = ALL;
export const CHECK_NAMES = Object.keys(CHECKS) as CheckName[];
