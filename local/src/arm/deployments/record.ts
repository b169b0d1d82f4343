import type { JsonObject, JsonValue } from '../json.ts';

/** What was done for one resource of a deployment. */
export interface DeploymentOperation {
  readonly operationId: string;
  readonly provisioningState: 'Running' | 'Succeeded' | 'Failed';
  /** ISO 8601. */
  readonly timestamp: string;
  readonly statusCode: string;
  readonly targetId: string;
  readonly targetType: string;
  readonly error?: JsonObject;
}

/** A deployment in the history of its scope. Values of secure parameters are not in it. */
export interface DeploymentRecord {
  readonly id: string;
  readonly name: string;
  /** The group or subscription that it goes to. */
  readonly scope: string;
  readonly location: string | undefined;
  readonly tags: JsonObject;
  readonly correlationId: string;
  readonly templateHash: string;
  readonly provisioningState: string;
  readonly startedAt: number;
  readonly endedAt: number | undefined;
  readonly parameters: JsonObject;
  readonly outputs: JsonObject;
  readonly outputResources: readonly string[];
  readonly providers: readonly string[];
  readonly error: JsonObject | undefined;
  readonly operations: readonly DeploymentOperation[];
  /** The template, for `exportTemplate`. */
  readonly template: JsonValue;
}
