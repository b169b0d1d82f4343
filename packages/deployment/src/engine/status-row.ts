/** From bad to good; the worst row decides. `information` and `unknown` decide nothing. */
export type StatusState = 'absent' | 'degraded' | 'drift' | 'healthy' | 'unknown' | 'information';

export interface StatusRow {
  readonly area: string;
  readonly name: string;
  readonly state: StatusState;
  readonly detail: string;
}
