# SPDX-License-Identifier: Apache-2.0

# kakehi_test(NAME SOURCES file... [LIBS target...] [LABELS label...] [TIMEOUT seconds] [SERIAL])
#
# Builds the program test_NAME on the harness (tests/harness/harness.h) and registers it with ctest as NAME.
# LABELS: its kind (unit, integration, ...) and, for a test that is too long for every change, `full`.
# TIMEOUT: of the whole program, default 60 (sanitizer builds get three times as long, emulated ones ten times);
# the harness ends the test that is running by then and says which one it was.
# SERIAL: ctest runs nothing else at the same time.
# The macros KAKEHI_BUILD_DIR and KAKEHI_SOURCE_DIR name the two trees.
function(kakehi_test name)
  cmake_parse_arguments(arg "SERIAL" "TIMEOUT" "SOURCES;LIBS;LABELS" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 60)
  endif()
  if(CMAKE_CROSSCOMPILING)
    math(EXPR arg_TIMEOUT "${arg_TIMEOUT} * 10")
  elseif(KAKEHI_SANITIZE OR KAKEHI_COVERAGE)
    math(EXPR arg_TIMEOUT "${arg_TIMEOUT} * 3")
  endif()
  math(EXPR last_resort "${arg_TIMEOUT} + 15")
  add_executable(test_${name} ${arg_SOURCES})
  target_link_libraries(test_${name} PRIVATE ${arg_LIBS} kakehi_harness kakehi_flags)
  target_compile_definitions(test_${name} PRIVATE
    KAKEHI_BUILD_DIR="${CMAKE_BINARY_DIR}" KAKEHI_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  set_target_properties(test_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/bin)
  add_test(NAME ${name} COMMAND test_${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${last_resort} LABELS "${arg_LABELS}"
    ENVIRONMENT "KAKEHI_TEST_TIMEOUT=${arg_TIMEOUT}")
  if(arg_SERIAL)
    set_tests_properties(${name} PROPERTIES RUN_SERIAL ON)
  endif()
endfunction()
