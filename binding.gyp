# The build for a machine without CMake. It reads the same lists as native/CMakeLists.txt and makes the same files.
{
  "target_defaults": {
    "include_dirs": ["native"],
    "defines": ["NDEBUG"],
    "cflags!": ["-Wno-unused-parameter"],
    "cflags": ["-fPIC", "-fno-strict-aliasing", "-Wall", "-Wextra"],
    "cflags_cc!": ["-std=gnu++17", "-std=gnu++20"],
    "cflags_cc": ["-std=c++20", "-O3", "-fno-exceptions", "-fno-rtti"],
  },
  "targets": [
    {
      "target_name": "core",
      "type": "static_library",
      "sources": ["<!@(node scripts/list-sources.mjs sources.txt core/)"],
    },
    {
      "target_name": "sluice",
      "dependencies": ["core", "sluice-keeper"],
      "sources": ["<!@(node scripts/list-sources.mjs sources.txt addon/)", "<!@(node scripts/list-sources.mjs sources.txt tls/)"],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=8", "NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS", "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"],
    },
    {
      "target_name": "sluice-keeper",
      "type": "executable",
      "sources": ["<!@(node scripts/list-sources.mjs sources.txt keeper/)", "native/core/transport/descriptor_channel.cc"],
    },
    {
      "target_name": "core_test",
      "type": "executable",
      "dependencies": ["core"],
      "sources": ["<!@(node scripts/list-sources.mjs tests.txt test/)", "native/keeper/holdings.cc"],
    },
    {
      "target_name": "tls_test",
      "dependencies": ["core"],
      "sources": ["<!@(node scripts/list-sources.mjs tests.txt tls_test/)", "<!@(node scripts/list-sources.mjs sources.txt tls/)", "native/test/check.cc"],
    },
  ],
}
