/** A minor version of Kubernetes, compared as a number: 1.34 is 34. */
export function minorOf(version: string): number | undefined {
  const match = /^1\.(\d{1,3})(\.\d+)?$/.exec(version);
  return match === null ? undefined : Number(match[1]);
}

export function isMinorAlias(version: string): boolean {
  return /^1\.\d{1,3}$/.test(version);
}

/** Versions of the virtual node's chart: `1.<minor><two digits of patch>.<yymmdd><nn>`. */
function chartLineOf(chartVersion: string): number | undefined {
  const match = /^1\.(\d{2})\d{2}\.\d{8}$/.exec(chartVersion);
  return match === null ? undefined : Number(match[1]);
}

type Verdict = 'ok' | 'no' | 'unknown' | { readonly from: string };

/** What the maintainers of the virtual node document for chart and cluster, as of the day below. */
export const chartTableDate = '2026-09-16';
const chartTable: Readonly<Record<number, Readonly<Record<number, Verdict>>>> = {
  29: { 29: 'ok', 30: 'no', 31: 'no', 32: 'no', 33: 'no', 34: 'no', 35: 'no' },
  30: { 29: 'ok', 30: 'ok', 31: 'ok', 32: 'ok', 33: 'unknown', 34: 'no' },
  32: { 29: 'no', 30: 'no', 31: 'no', 32: 'ok', 33: 'unknown', 34: 'no' },
  33: { 29: 'no', 30: 'no', 31: 'no', 32: 'ok', 33: 'ok', 34: { from: '1.3307.26033004' } },
  34: { 29: 'no', 30: 'no', 31: 'no', 32: 'unknown', 33: 'ok', 34: 'ok', 35: { from: '1.3410.26081102' } },
  35: { 35: 'unknown' },
};

type ChartCompatibility = 'ok' | 'incompatible' | 'unknown' | 'newer-than-table';

/** Whether a chart runs on a cluster of a minor version, by the documented table. */
export function chartCompatibility(chartVersion: string, minor: number): ChartCompatibility {
  if (minor > 35) return 'newer-than-table';
  const line = chartLineOf(chartVersion);
  const verdict = line === undefined ? undefined : chartTable[line]?.[minor];
  if (verdict === undefined || verdict === 'unknown') return 'unknown';
  if (verdict === 'ok') return 'ok';
  if (verdict === 'no') return 'incompatible';
  return compareCharts(chartVersion, verdict.from) >= 0 ? 'ok' : 'incompatible';
}

/** The newest minor that the table marks as working for a chart; what `auto` may choose at most. */
export function newestMinorOf(chartVersion: string): number | undefined {
  const minors = [29, 30, 31, 32, 33, 34, 35].filter((minor) => chartCompatibility(chartVersion, minor) === 'ok');
  return minors.at(-1);
}

function compareCharts(a: string, b: string): number {
  const [, aMinor = 0, aBuild = 0] = a.split('.').map(Number);
  const [, bMinor = 0, bBuild = 0] = b.split('.').map(Number);
  return aMinor - bMinor || aBuild - bBuild;
}
