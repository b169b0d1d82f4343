/** Something that a check of a policy found. */
export interface CceFinding {
  /** `CCE-…`, stable. */
  readonly code: string;
  readonly severity: 'error' | 'warning' | 'info';
  readonly message: string;
  /** Name, id or position of the container. */
  readonly container?: string;
}

/** Reports a finding. */
export type Report = (code: string, severity: CceFinding['severity'], message: string, container?: string) => void;
