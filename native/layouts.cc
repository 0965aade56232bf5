#include "layouts.h"

#include "layout_table.h"

namespace faultlab {
namespace {

Napi::Number Number(Napi::Env env, size_t value) { return Napi::Number::New(env, static_cast<double>(value)); }

Napi::Object LayoutObject(Napi::Env env, const Layout& layout) {
  const Napi::Object fields = Napi::Object::New(env);
  for (size_t i = 0; i < layout.count; i++) {
    const Napi::Object field = Napi::Object::New(env);
    field.Set("offset", Number(env, layout.fields[i].offset));
    field.Set("size", Number(env, layout.fields[i].sizeBytes));
    fields.Set(layout.fields[i].name, field);
  }
  Napi::Object entry = Napi::Object::New(env);
  entry.Set("size", Number(env, layout.sizeBytes));
  entry.Set("fields", fields);
  return entry;
}

}  // namespace

void DefineLayouts(Napi::Env env, Napi::Object exports) {
  const Napi::Object layouts = Napi::Object::New(env);
  const Napi::Object ioctls = Napi::Object::New(env);
  for (const LayoutGroup* group : {&kVmLayouts, &kVcpuLayouts, &kUserfaultfdLayouts, &kProposalLayouts}) {
    for (size_t i = 0; i < group->layoutCount; i++) {
      layouts.Set(group->layouts[i].name, LayoutObject(env, group->layouts[i]));
    }
    for (size_t i = 0; i < group->requestCount; i++) {
      ioctls.Set(group->requests[i].name, Number(env, group->requests[i].number));
    }
  }
  exports.Set("layouts", layouts);
  exports.Set("ioctls", ioctls);
}

}  // namespace faultlab
