/**
 * Options and arguments that name files. A command declares them as such, once; whoever runs the command elsewhere (`--lab`) learns from it which
 * files to bring there and which to bring back.
 */
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { Argument, Option, type Command } from 'commander';
import { FaultLabError } from '../errors/index.js';

/** What a command does with a file: reads it, or makes it (whatever it was before). */
export type FileUse = 'input' | 'output';

/** A file that a command line names, as it is written there. */
export interface NamedFile {
  readonly path: string;
  readonly use: FileUse;
}

/** In place of a file: standard input or output. */
export const STANDARD_STREAM = '-';

/** An option whose value is the path of a file. */
export class FileOption extends Option {
  constructor(
    flags: string,
    description: string,
    readonly use: FileUse,
  ) {
    super(flags, description);
  }
}

/** An argument, or several, each the path of a file. */
export class FileArgument extends Argument {
  constructor(
    name: string,
    description: string,
    readonly use: FileUse,
  ) {
    super(name, description);
  }
}

/** The files that a command was given, once its command line is parsed. */
export function namedFiles(command: Command): NamedFile[] {
  const files: NamedFile[] = [];
  const note = (value: unknown, use: FileUse): void => {
    for (const path of Array.isArray(value) ? (value as readonly unknown[]) : [value]) {
      if (typeof path === 'string' && path !== STANDARD_STREAM) files.push({ path, use });
    }
  };
  for (const option of command.options) {
    if (option instanceof FileOption) note(command.getOptionValue(option.attributeName()), option.use);
  }
  command.registeredArguments.forEach((argument, at) => {
    if (argument instanceof FileArgument) note((command.processedArgs as readonly unknown[])[at], argument.use);
  });
  return files;
}

/**
 * The text of a report that is to be read.
 * @throws FaultLabError `REPORT_UNREADABLE`
 */
export function readReportText(path: string): string {
  try {
    const stat = statSync(path);
    // A device or a directory has no end or no text; a pipe of another program is as good as a file.
    if (!stat.isFile() && !stat.isFIFO()) throw new Error('it is neither a file nor a pipe');
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new FaultLabError('REPORT_UNREADABLE', `the report ${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/**
 * Asked before a run: a report lost after minutes of measuring would be measured again.
 * @throws FaultLabError `REPORT_UNWRITABLE`
 */
export function requireWritable(path: string): void {
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat?.isDirectory() === true) throw new Error('it is a directory');
    accessSync(stat === undefined ? dirname(path) : path, constants.W_OK);
  } catch (error) {
    throw unwritable(path, error);
  }
}

/** The error of a file that could not be written. */
export function unwritable(path: string, error: unknown): FaultLabError {
  return new FaultLabError('REPORT_UNWRITABLE', `the report cannot be written to ${path}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
}
