/** Strict, typed linting for lib/ and test/; scripts/ is JavaScript with types in JSDoc, checked by tsc (scripts/tsconfig.json). */
import { defineConfig } from 'eslint/config';
import jsdoc from 'eslint-plugin-jsdoc';
import tseslint from 'typescript-eslint';
import { layerConfig } from './scripts/lint/layers.js';

/** What has to say what it does, in what units, and what it throws. */
const documented = [
  'ClassDeclaration',
  'FunctionDeclaration',
  'TSInterfaceDeclaration',
  'TSTypeAliasDeclaration',
  'TSEnumDeclaration',
  // A run of constants is documented at its head.
  ':not(ExportNamedDeclaration[declaration.type="VariableDeclaration"] + ExportNamedDeclaration) > VariableDeclaration',
  'MethodDefinition[kind="method"]:not([accessibility="private"]):not([override=true]):not([key.type="PrivateIdentifier"])',
];

export default defineConfig(
  { ignores: ['dist/', 'build/', 'node_modules/', 'prebuilds/', 'guest/', 'native/', '**/*.cjs', 'test/oracle/dist/', 'test/oracle/node_modules/'] },
  {
    files: ['**/*.ts', '**/*.cts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      'max-lines': ['error', 400],
      eqeqeq: 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/prefer-readonly': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/prefer-literal-enum-member': ['error', { allowBitwiseExpressions: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
    },
  },
  {
    files: ['lib/**/*.ts'],
    plugins: { jsdoc },
    settings: { jsdoc: { mode: 'typescript', tagNamePreference: { inheritDoc: 'inheritDoc' } } },
    rules: {
      'jsdoc/require-jsdoc': ['error', { publicOnly: { esm: true, cjs: false }, contexts: documented, checkConstructors: false, enableFixer: false }],
      'jsdoc/require-description': ['error', { contexts: ['any'], checkConstructors: false }],
      'jsdoc/no-types': 'error',
      'jsdoc/check-param-names': ['error', { checkDestructured: false, disableMissingParamChecks: true }],
      'jsdoc/check-tag-names': ['error', { definedTags: ['inheritDoc'] }],
      'jsdoc/check-alignment': 'error',
    },
  },
  // Generated from guest/include/abi.h, which says what each number means.
  { files: ['lib/guest/abi.ts'], rules: { 'jsdoc/require-jsdoc': 'off', 'max-lines': 'off' } },
  // A method that loses its object fails its test at once.
  { files: ['test/**/*.ts'], rules: { '@typescript-eslint/unbound-method': 'off' } },
  layerConfig,
  { files: ['**/*.cts'], rules: { '@typescript-eslint/no-require-imports': 'off' } },
  {
    files: ['**/*.js'],
    plugins: { jsdoc },
    settings: { jsdoc: { mode: 'typescript' } },
    rules: {
      'max-lines': ['error', 400],
      eqeqeq: 'error',
      'no-undef': 'off',
      'no-unused-vars': 'error',
      'prefer-const': 'error',
      'jsdoc/check-param-names': ['error', { checkDestructured: false, disableMissingParamChecks: true }],
    },
  },
);
