import type { Deployment } from '@azure/arm-resourcesdeployments';
import { RequestError, Secret } from '@holdfast/base';
import type { DeploymentRequest } from '@holdfast/deployment';

/** What stands for a secret in a forecast. */
const PLACEHOLDER = 'placeholder-of-a-secret';

/** A request as the SDK takes it. */
export interface OpenedRequest {
  readonly body: Deployment & { readonly properties: { readonly mode: 'Incremental' } };
  /** Values of secrets in it, to be hidden wherever Azure repeats them. */
  readonly secrets: readonly string[];
}

/** The body of a request; `secrets` says whether they are opened into it, or something stands in their place. */
export function openRequest(request: DeploymentRequest, secrets: 'open' | 'placeholder'): OpenedRequest {
  const parameters: Record<string, { value: string }> = {};
  const opened: string[] = [];
  for (const [name, value] of Object.entries(request.parameters)) {
    if (!(value instanceof Secret)) parameters[name] = { value };
    else if (secrets === 'placeholder') parameters[name] = { value: PLACEHOLDER };
    else {
      const text = value.reveal();
      opened.push(text);
      parameters[name] = { value: text };
    }
  }
  const template = request.template as Record<string, unknown>;
  const properties = { mode: 'Incremental', template, parameters } as const;
  return { body: { properties, tags: { ...request.tags } }, secrets: opened };
}

/**
 * Where the record of a deployment of a subscription is kept.
 * @throws RequestError AZURE_LOCATION_MISSING
 */
export function locationOf({ location }: DeploymentRequest): string {
  if (location !== undefined) return location;
  throw new RequestError('AZURE_LOCATION_MISSING', 'a deployment of a subscription needs a location', {
    action: 'Name the region in which Azure keeps the record of the deployment.',
  });
}
