export { egressHosts } from './egress.ts';
export type { EgressHost } from './egress.ts';
export { guideCommands } from './guide-commands.ts';
export type { GuideCommand } from './guide-commands.ts';
export { exportDeployment, resolveOffline } from './export-files.ts';
export type { DeploymentExport } from './export-files.ts';
export { quantities } from './quantities.ts';
export type { Quantity } from './quantities.ts';
