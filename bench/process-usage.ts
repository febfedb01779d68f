/**
 * CPU time and peak memory of another process, from /proc.
 *
 * @module
 */
import { readFile } from 'node:fs/promises';

/** Linux counts CPU time in hundredths of a second on every architecture that Node runs on. */
const MS_PER_TICK = 10;

/** @throws where there is no /proc: the benchmark needs Linux. */
export async function processUsage(pid: number): Promise<{ readonly cpuMs: number; readonly peakMb: number }> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const peakKb = Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]);
  return { cpuMs: (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK, peakMb: peakKb / 1024 };
}
