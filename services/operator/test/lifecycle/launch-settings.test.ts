import { ConfigError } from '@holdfast/base';
import { describe, expect, it } from 'vitest';

import { readLaunchSettings } from '../../src/lifecycle/launch-settings.ts';
import type { LaunchVariables } from '../../src/lifecycle/launch-settings.ts';

const complete: LaunchVariables = {
  VAULT_NAME: 'my-vault',
  OPERATOR_KEY_SECRET_NAME: 'my-key',
  DEPLOYMENT_ENVIRONMENT: 'integ',
};

function problemsOf(variables: LaunchVariables): readonly string[] {
  try {
    readLaunchSettings(variables);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return [error.code, ...error.problems];
    throw error;
  }
}

describe('readLaunchSettings', () => {
  it('answers nothing when no launch variable is set', () => {
    expect(readLaunchSettings({ CORE_BASE_URL: 'http://core' })).toBeUndefined();
  });

  it.for(['integ', 'prod'])('derives the published addresses of %s', (environment) => {
    expect(readLaunchSettings({ ...complete, DEPLOYMENT_ENVIRONMENT: environment })).toMatchObject({
      coreUrl: `https://core-${environment}.uidapi.com`,
      optOutUrl: `https://optout-${environment}.uidapi.com`,
      publishedServices: true,
    });
  });

  it('honours other addresses in integ only', () => {
    const bases = { CORE_BASE_URL: 'https://core-integ.test/', OPTOUT_BASE_URL: 'https://optout-integ.test' };
    expect(readLaunchSettings({ ...complete, ...bases })).toMatchObject({
      coreUrl: 'https://core-integ.test',
      optOutUrl: 'https://optout-integ.test',
      publishedServices: false,
    });
    expect(readLaunchSettings({ ...complete, ...bases, DEPLOYMENT_ENVIRONMENT: 'prod' })).toMatchObject({
      coreUrl: 'https://core-prod.uidapi.com',
      publishedServices: true,
    });
  });

  it('names all missing variables at once as E03', () => {
    expect(problemsOf({ VAULT_NAME: 'v' })).toEqual([
      'LAUNCH_SETTING_MISSING',
      'E03: ConfigurationMissingError: required but not set: OPERATOR_KEY_SECRET_NAME, DEPLOYMENT_ENVIRONMENT',
    ]);
    expect(problemsOf({ ...complete, VAULT_NAME: '' })[1]).toContain('VAULT_NAME');
  });

  it('needs no vault name when the address of the vault is given', () => {
    expect(problemsOf({ ...complete, VAULT_NAME: undefined, azure_vault_url: 'https://127.0.0.1:8444' })).toEqual([]);
  });

  it.for(['staging', 'Integ', 'PROD'])('refuses the environment %s as E04', (environment) => {
    expect(problemsOf({ ...complete, DEPLOYMENT_ENVIRONMENT: environment })).toEqual([
      'LAUNCH_SETTING_INVALID',
      `E04: ConfigurationValueError: DEPLOYMENT_ENVIRONMENT: "${environment}" is neither integ nor prod`,
    ]);
  });

  it.for([true, false])('refuses debug mode in prod as E04, validations skipped: %s', (SKIP_VALIDATIONS) => {
    const variables = { ...complete, DEPLOYMENT_ENVIRONMENT: 'prod', DEBUG_MODE: true, SKIP_VALIDATIONS };
    expect(problemsOf(variables)).toEqual([
      'LAUNCH_SETTING_INVALID',
      'E04: ConfigurationValueError: DEBUG_MODE: debug mode is not allowed in prod',
    ]);
  });

  it('refuses addresses that do not fit as E04, all of them together', () => {
    const variables = { ...complete, CORE_BASE_URL: 'http://core-integ/path', OPTOUT_BASE_URL: 'https://optout' };
    expect(problemsOf(variables)).toEqual([
      'LAUNCH_SETTING_INVALID',
      'E04: ConfigurationValueError: CORE_BASE_URL: an address that is not https must have no path',
      'E04: ConfigurationValueError: OPTOUT_BASE_URL: the address does not contain the name of the environment (integ)',
    ]);
  });

  it('takes any address when validations are skipped, as long as it is one', () => {
    const skipped = { ...complete, SKIP_VALIDATIONS: true };
    expect(problemsOf({ ...skipped, CORE_BASE_URL: 'http://127.0.0.1:8088' })).toEqual([]);
    expect(problemsOf({ ...skipped, CORE_BASE_URL: 'nonsense' })[1]).toContain('CORE_BASE_URL: not a URL');
  });
});
