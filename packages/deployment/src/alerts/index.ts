export { alertFiles } from './alert-files.ts';
export { alertTable } from './alert-table.ts';
export type { AlertRule, AlertSeverity } from './alert-table.ts';
