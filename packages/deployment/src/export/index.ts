export { egressHosts } from './egress.ts';
export type { EgressHost } from './egress.ts';
export { exportDeployment, resolveOffline } from './export-files.ts';
export type { DeploymentExport } from './export-files.ts';
export { quantities } from './quantities.ts';
export type { Quantity } from './quantities.ts';
