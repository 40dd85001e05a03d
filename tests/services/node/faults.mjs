// Faults that a test plants in a service through its environment.
import { setTimeout as sleep } from "node:timers/promises";

export const items = Array.from({ length: 20 }, (_, i) => ({ id: i + 1, name: `item ${i + 1}` }));

let calls = 0;

/** Sleeps for SLEEP_MS milliseconds, default 0. */
export async function pause() {
  const time = Number(process.env.SLEEP_MS ?? 0);
  if (time > 0) await sleep(time);
}

/** Throws for the share ERROR_SHARE of the calls, default 0, at equal distances. */
export function failSometimes() {
  const share = Number(process.env.ERROR_SHARE ?? 0);
  calls += 1;
  if (Math.floor(calls * share) > Math.floor((calls - 1) * share)) throw new Error("planted error");
}
