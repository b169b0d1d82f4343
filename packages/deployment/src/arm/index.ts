export { stageDeployments, templateText } from './template.ts';
export type { ArmTemplate, DeploymentNames, JsonValue, StageDeployment } from './template.ts';
