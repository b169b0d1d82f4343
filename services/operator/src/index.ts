import type { ExitCodes, StartService } from '@holdfast/process';

import { exitCodes } from './exit-codes.ts';
import { startOperator } from './main.ts';

export { loadOperatorConfig } from './config.ts';
export type { OperatorConfig } from './config.ts';
export type {
  OperatorContext,
  OperatorSettings,
  OperatorStatus,
  OperatorStores,
  OptOutWrite,
  OptOutWriter,
  ServiceGate,
  UnhealthyComponent,
} from './context.ts';
export { errorCodes } from './error-codes.ts';
export { exitCodes } from './exit-codes.ts';
export { startOperator, startOperatorWith } from './main.ts';
export type { RunningOperator } from './main.ts';

export const service: { readonly name: string; readonly start: StartService; readonly exitCodes: ExitCodes } = {
  name: 'operator',
  start: startOperator,
  exitCodes,
};
