import type { Logger } from '@holdfast/process';

import type { Administrators } from './administrators.ts';
import type { ManagementStore } from './management-store.ts';

/** The management interface of an instance: who may use it, and what it changes. */
export interface Management {
  readonly administrators: Administrators;
  readonly store: ManagementStore;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
}
