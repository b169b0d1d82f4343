import { type CceGeneration, cceGenerations, commonPoints, defaultCceGeneration } from './data/generations.ts';

/** Members that a constant answer needs beside `allowed: true`. */
const extraMembers: Readonly<Record<string, string>> = {
  create_container: ', "env_list": null, "allow_stdio_access": true',
  exec_in_container: ', "env_list": null',
  exec_external: ', "env_list": null, "allow_stdio_access": true',
};

/**
 * A policy that admits everything, for tests and for finding out what a platform asks: every enforcement point is a
 * constant. Points newer than its `api_version` keep the framework's defaults.
 */
export function writeAllowAll(generation: CceGeneration = cceGenerations[defaultCceGeneration]): string {
  const points = [...commonPoints, ...generation.extraPoints];
  return [
    'package policy',
    `api_version := "${generation.apiVersion}"`,
    points.map((point) => `${point} := {"allowed": true${extraMembers[point] ?? ''}}`).join('\n'),
  ].join('\n\n');
}
